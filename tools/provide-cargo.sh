#!/usr/bin/env bash
# provide-cargo.sh NAME: compiles a pinned program from its crate, once, into its own folder under .tools/, and prints the
# program's path.
set -euo pipefail

# program → its version
declare -A versions=(
  [cargo-mutants]=27.1.0
  [cargo-fuzz]=0.13.2
)

name=${1:?"usage: provide-cargo.sh NAME"}
version=${versions[$name]:?"provide-cargo.sh does not know $name"}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=$root/.tools/$name/$version

if [[ ! -x $home/bin/$name ]]; then
  printf '%s: compiling %s (some minutes) …\n' "$name" "$version" >&2
  # It is built in a temporary folder, so that its dependencies do not stay in the project's target folder.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR=$build cargo install --quiet --locked --root "$home" --version "=$version" "$name" >&2
fi
printf '%s\n' "$home/bin/$name"
