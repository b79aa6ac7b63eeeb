#!/bin/bash -p
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
home=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2034  # lib/words.sh reads it
me=install-etcd
# shellcheck source=lib/words.sh
source "$home/lib/words.sh"
# shellcheck source=lib/files.sh
source "$home/lib/files.sh"
# shellcheck source=lib/environment.sh
source "$home/lib/environment.sh"
# shellcheck source=lib/aws.sh
source "$home/lib/aws.sh"

# The boot script's refusal quotes the failure, and its report carries it.
fail() {
  say "$*"
  printf '%s\n' "$*" >"$home/install-failed" || true
  exit 1
}

# A joiner has five minutes. Where packets are dropped without an answer, as GitHub's are in a subnet without NAT, the
# failure is told within half a minute; a slow download has two minutes.
readonly BOUNDS=(--show-error --fail --connect-timeout 5 --retry 2 --retry-connrefused --retry-max-time 60 --max-time 120
  --speed-limit 10000 --speed-time 20)

fetch() {
  ask "${BOUNDS[@]}" --location --output "$2" "$1" ||
    fail "cannot download $1: does the instance have a route to it? GitHub has no IPv6. Without a NAT gateway put etcd into the image, or its archive into a bucket (s3://BUCKET/KEY)"
}

fetch_object() {
  local key secret session found
  check_curl || fail "curl is ${found:-missing}, and it must be 7.88 or newer: an older curl does not sign what S3 wants signed; use an image with a newer curl"
  learn_region || fail "the instance metadata service does not give the region"
  learn_credentials || fail "the instance metadata service has no credentials: does the instance have a role?"
  signed s3 "${1#s3://}" "${BOUNDS[@]}" --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --output "$2" ||
    fail "cannot read $1: may the instance's role read it (s3:GetObject), is it in $region, and is there a route to S3?"
}

version_here() { PATH=$bin_dir:$PATH learn_version && printf '%s' "$version"; }

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

declare -A config=() tuning=()
clean_environment
file=${ETCD_ASG_CONFIG:-/etc/etcd-asg/config}
load_configuration "$file" || fail "in $file, $problem"
rm -f "$home/install-failed"
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
