#!/usr/bin/env bash
# provide-cargo.sh NAME: provides a pinned program from crates.io, compiled into a folder of its own under .tools/, and
# prints its path.
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
  printf '%s: compiling %s from crates.io (some minutes) …\n' "$name" "$version" >&2
  # Its own target folder, which goes again: the project's is not to grow by another program's dependencies.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR=$build cargo install --quiet --locked --root "$home" --version "=$version" "$name" >&2
fi
printf '%s\n' "$home/bin/$name"
