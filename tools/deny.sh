#!/usr/bin/env bash
# deny.sh [quick]: runs cargo-deny with deny.toml on all dependencies: their licences, bans and sources, and then the
# advisories of RustSec. `quick` leaves the advisories out, because they change without a change here.
#
# RustSec's database is a Git repository on GitHub. Where it cannot be fetched, a sentence says so, and the script
# succeeds if everything else is in order.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly DATABASE=https://github.com/RustSec/advisory-db
deny=$(tools/provide.sh cargo-deny)
quiet=(--locked --log-level error check --hide-inclusion-graph)

"$deny" "${quiet[@]}" licenses bans sources
[[ ${1:-} != quick ]] || exit 0
if GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --quiet "$DATABASE" HEAD >/dev/null 2>&1; then
  "$deny" "${quiet[@]}" advisories
else
  printf 'deny: the advisories are NOT checked, because %s cannot be reached from here\n' "$DATABASE" >&2
fi
