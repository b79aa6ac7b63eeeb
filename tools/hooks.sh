#!/usr/bin/env bash
# hooks.sh: switches on the Git hooks of tools/hooks/ in this clone.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly WANTED=tools/hooks
set_already=$(git config --get core.hooksPath || true)
if [[ -n $set_already && $set_already != "$WANTED" ]]; then
  printf 'hooks: Git already uses the hooks in %s (core.hooksPath); call "make check" from its pre-commit instead\n' "$set_already" >&2
  exit 1
fi
git config core.hooksPath "$WANTED"
echo 'make check now runs before each commit; to switch it off: git config --unset core.hooksPath'
