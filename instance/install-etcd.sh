#!/usr/bin/env bash
# install-etcd.sh SOURCE [SHA256]: puts etcd and etcdctl into /usr/local/bin.
#
#   image            nothing is installed: the image must contain etcd
#   3.6.16           the release of that version, unless it is installed already
#   https://…, s3://BUCKET/KEY
#                    an archive (tar.gz) with etcd in it, packed like the releases. An object in S3 is read with the
#                    instance's role (s3:GetObject), so a private subnet needs only S3's gateway endpoint; the bucket
#                    must be in the instance's region
#
# The archive is compared with SHA256 before anything in it is used. Only a release may come without a SHA256: it is
# compared with the list that the release itself carries, which detects a damaged download and nothing else.
#
# ETCD_ASG_ETCD_RELEASES   the URL of the releases; default: etcd's own on GitHub
# ETCD_ASG_BIN_DIR         default /usr/local/bin
# AWS_…                    as for etcd-asg.sh, from the environment or the configuration file
set -euo pipefail
export LC_ALL=C

source=${1:?"usage: install-etcd.sh image|VERSION|URL|s3://BUCKET/KEY [SHA256]"}
expected=${2:-}
releases=${ETCD_ASG_ETCD_RELEASES:-https://github.com/etcd-io/etcd/releases/download}
bin_dir=${ETCD_ASG_BIN_DIR:-/usr/local/bin}
# shellcheck disable=SC2034  # lib/aws.sh reads it
readonly CREDENTIALS_SECONDS=300
lib=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib
# shellcheck source=lib/files.sh
source "$lib/files.sh"
# shellcheck source=lib/aws.sh
source "$lib/aws.sh"

fail() {
  printf 'install-etcd: %s\n' "$*" >&2
  exit 1
}

fetch() {
  curl --silent --show-error --fail --location --retry 5 --retry-connrefused --output "$2" "$1" ||
    fail "cannot download $1: does the instance have a route to it? Otherwise put etcd into the image, or put its archive into a bucket and name it as s3://BUCKET/KEY"
}

fetch_object() {
  local file=${ETCD_ASG_CONFIG:-/etc/etcd-asg/config} name key secret session
  local -A config=()
  if [[ -e $file ]]; then
    read_settings "$file" config '(ETCD|AWS)_[A-Z0-9_]+' || fail "in $file, $problem"
    for name in "${!config[@]}"; do
      [[ $name != AWS_* || -n ${!name:-} ]] || export "$name=${config[$name]}"
    done
  fi
  learn_region || fail "the instance metadata service does not give the region"
  learn_credentials || fail "the instance metadata service has no credentials: does the instance have a role?"
  {
    printf 'user = "%s:%s"\n' "$key" "$secret"
    [[ -z $session ]] || printf 'header = "x-amz-security-token: %s"\n' "$session"
  } | curl --silent --show-error --fail --config - --aws-sigv4 "aws:amz:$region:s3" --retry 5 --retry-connrefused \
    --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --output "$2" "$(endpoint s3)${1#s3://}" ||
    fail "cannot read $1: may the instance's role read it (s3:GetObject), is it in $region, and is there a route to S3?"
}

version_here() { "$bin_dir/etcd" --version 2>/dev/null | sed -n 's/^etcd Version: //p'; }

install_archive() {
  local found
  printf '%s  %s\n' "$expected" "$work/archive" | sha256sum --check --status ||
    fail "the SHA-256 of ${source##*/} is not the expected one: nothing was installed"
  mkdir "$work/content"
  tar -xzf "$work/archive" -C "$work/content" --no-same-owner || fail "$source is not a tar.gz archive: nothing was installed"
  found=$(find "$work/content" -type f -name etcd -print -quit)
  [[ -n $found ]] || fail "there is no etcd in $source: nothing was installed"
  mkdir -p "$bin_dir"
  # etcdctl is for people; a member does not need it.
  if [[ -e ${found}ctl ]]; then install -m 755 "${found}ctl" "$bin_dir/"; fi
  install -m 755 "$found" "$bin_dir/"
}

release() {
  local architecture name
  case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) fail "there is no etcd release for $(uname -m): put etcd into the image" ;;
  esac
  name=etcd-v$source-linux-$architecture.tar.gz
  fetch "$releases/v$source/$name" "$work/archive"
  [[ -z $expected ]] || return 0
  fetch "$releases/v$source/SHA256SUMS" "$work/SHA256SUMS"
  expected=$(awk -v name="$name" '$2 == name { print $1 }' "$work/SHA256SUMS")
}

if [[ $source == image ]]; then
  command -v etcd >/dev/null || fail "the image must contain etcd, but there is no etcd on PATH ($PATH)"
  exit 0
fi
[[ $source != "$(version_here)" ]] || exit 0
[[ $source != *://* || -n $expected ]] || fail "$source needs its SHA-256: nothing was installed"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $source in
  s3://*) fetch_object "$source" "$work/archive" ;;
  *://*) fetch "$source" "$work/archive" ;;
  *) release ;;
esac
install_archive
