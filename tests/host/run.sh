#!/usr/bin/env bash
# run.sh PYTHON: the host tests, with this Python, which has the YAML parser of cfn-lint. Status 69 (EX_UNAVAILABLE): they
# cannot run on this machine, and one sentence says why.
set -uo pipefail

unavailable() {
  printf 'test-host: not run: %s\n' "$*" >&2
  exit 69
}

[[ $(uname -sm) == 'Linux x86_64' ]] || unavailable "its machines are x86_64 under Linux, and this is $(uname -sm)"
[[ $(id -u) == 0 ]] || unavailable 'it needs root, to build a Debian root with its owners and devices'
missing=()
for tool in qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap mke2fs:e2fsprogs openssl:openssl; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
((${#missing[@]} == 0)) || unavailable "install ${missing[*]} (Debian's names) first"

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
exec "$1" -W error::ResourceWarning tools/unittests.py tests/host
