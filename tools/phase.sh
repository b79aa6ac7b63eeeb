#!/usr/bin/env bash
# phase.sh TEXT COMMAND…: prints TEXT, runs the command, prints how long it took, and ends with its status.
set -uo pipefail

text=$1
shift
printf '▸ %s …\n' "$text" >&2
"$@"
status=$?
if ((status == 0)); then
  printf '  done: %s (%d min %02d s)\n' "${text%% (*}" $((SECONDS / 60)) $((SECONDS % 60)) >&2
else
  printf '  FAILED: %s (status %d, after %d min %02d s)\n' "${text%% (*}" "$status" $((SECONDS / 60)) $((SECONDS % 60)) >&2
fi
exit "$status"
