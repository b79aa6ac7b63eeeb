#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET…]: runs libFuzzer on every target, or on these, for so many seconds each. A finding is kept
# below .tools/fuzz/ and ends the run. The corpora in the tree are read and not written.
set -euo pipefail

seconds=${1:?"usage: fuzz.sh SECONDS [TARGET…]"}
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fuzz=$root/tests/fuzz
# libFuzzer itself is C++; a missing compiler is reported before anything is compiled.
command -v "${CXX:-c++}" >/dev/null || {
  printf 'fuzz.sh: libFuzzer needs a C++ compiler, and there is no %s (Debian: apt-get install g++)\n' "${CXX:-c++}" >&2
  exit 69
}
cargo_fuzz=$("$root/tools/provide-cargo.sh" cargo-fuzz)
if (($# == 0)); then
  readarray -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' "$fuzz/libfuzzer/Cargo.toml" | tail -n +2)
  set -- "${targets[@]}"
fi

# The drivers use this repository's Cargo.lock: they are built from the dependencies that ship.
cp "$root/Cargo.lock" "$fuzz/libfuzzer/Cargo.lock"
for target; do
  grown=$root/.tools/fuzz/$target
  mkdir -p "$grown/corpus" "$grown/findings"
  given=("$fuzz/corpus/$target")
  [[ $target != events ]] || given+=("$root/events")
  printf '%s: %s s\n' "$target" "$seconds"
  status=0
  # Without a sanitizer the pinned toolchain is enough. A sanitizer needs a nightly, and this code has no `unsafe`.
  "$cargo_fuzz" run --fuzz-dir "$fuzz/libfuzzer" --sanitizer none --target-dir "${CARGO_TARGET_DIR:-$root/target}/fuzz" \
    "$target" "$grown/corpus" "${given[@]}" -- -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix="$grown/findings/" -print_final_stats=1 >"$grown/log" 2>&1 || status=$?
  grep -E '^stat::number_of_executed_units|panicked|ERROR|Test unit written|^error' "$grown/log" || true
  ((status == 0)) || { tail -n 30 "$grown/log"; exit 1; }
done
