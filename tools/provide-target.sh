#!/usr/bin/env bash
# provide-target.sh: installs Rust's standard library for Lambda's arm64, if it is missing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly TARGET=aarch64-unknown-linux-gnu

fail() {
  printf 'provide-target: %s\n' "$*" >&2
  exit 1
}

[[ ! -d $(rustc --print sysroot)/lib/rustlib/$TARGET ]] || exit 0
command -v rustup >/dev/null || fail "this Rust has no standard library for $TARGET: install it, or use rustup"
rustup target add "$TARGET" >&2 || fail "rustup could not add the target $TARGET; its message is above"
