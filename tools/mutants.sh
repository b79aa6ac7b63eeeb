#!/usr/bin/env bash
# mutants.sh [ARGUMENTS]: runs cargo-mutants on the pure core, with .cargo/mutants.toml; its report stays below
# .tools/mutants/. ARGUMENTS are cargo-mutants' own, such as --file or --shard.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo_mutants=$("$root/tools/provide-cargo.sh" cargo-mutants)
mkdir -p "$root/.tools/mutants"
cd "$root"
# cargo-mutants builds in a copy of the tree, with the copy's own target folder.
unset CARGO_TARGET_DIR
exec "$cargo_mutants" mutants --package membership --output "$root/.tools/mutants" --jobs 1 "$@"
