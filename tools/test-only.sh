#!/usr/bin/env bash
# test-only.sh NAME TARGET…: runs these targets of the Makefile with ONLY=NAME, so that each runs only the tests whose name
# contains NAME. Fails if a test fails, and also if no target has such a test: a run without a test is no success.
set -euo pipefail

name=${1:?"usage: test-only.sh NAME TARGET…"}
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Cargo's line: test result: ok. 4 passed; 0 failed; 1 ignored; …   unittest's lines: Ran 4 tests in …, OK (skipped=1)
ran=0 skipped=0
for target; do
  "${MAKE:-make}" --no-print-directory "$target" ONLY="$name" 2>&1 | tee "$log"
  ran=$((ran + $(awk '/^test result: / { n += $4 } /^Ran [0-9]+ tests? in / { n += $2 } END { print n + 0 }' "$log")))
  skipped=$((skipped + $(awk '/^test result: / { n += $8 } /^(OK|NO TESTS RAN) \(skipped=/ { n++ } END { print n + 0 }' "$log")))
done
if ((ran > 0)); then
  printf 'Tests with "%s" in their name: %s ran.\n' "$name" "$ran"
elif ((skipped > 0)); then
  printf 'No test ran: those with "%s" in their name are skipped or ignored here (see make matrix, make sim).\n' "$name" >&2
  exit 1
else
  printf 'No test ran: no test has a name that contains "%s".\n' "$name" >&2
  exit 1
fi
