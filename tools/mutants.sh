#!/usr/bin/env bash
# mutants.sh [ARGUMENTS]: cargo-mutants on the pure core, as .cargo/mutants.toml says; what it found stays below
# .tools/mutants/. ARGUMENTS are cargo-mutants' own, such as --file or --shard.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo_mutants=$("$root/tools/provide-cargo.sh" cargo-mutants)
mkdir -p "$root/.tools/mutants"
cd "$root"
# Its own copy of the tree has its own target folder.
unset CARGO_TARGET_DIR
exec "$cargo_mutants" mutants --package membership --output "$root/.tools/mutants" --jobs 1 "$@"
