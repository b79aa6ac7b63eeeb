#!/usr/bin/env bash
# put-etcd-archive.sh VERSION amd64|arm64 BUCKET: puts etcd's release into a bucket, for instances that do not reach
# GitHub, and prints the parameters of examples/cluster.yaml that name it.
#
# The archive is compared with the list of checksums that the release carries. Its key is etcd/NAME. The bucket of the
# ledgers will do. It needs curl and the AWS CLI, whose configuration names the account and the region.
#
# ETCD_ASG_ETCD_RELEASES   the URL of the releases; default: etcd's own on GitHub
set -euo pipefail
export LC_ALL=C

fail() {
  printf 'put-etcd-archive: %s\n' "$*" >&2
  exit 1
}

(($# == 3)) || fail "usage: put-etcd-archive.sh VERSION amd64|arm64 BUCKET"
version=${1#v} architecture=$2 bucket=$3
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "'$1' must be a released version such as 3.6.16"
[[ $architecture =~ ^(amd64|arm64)$ ]] ||
  fail "'$architecture' must be the instances' architecture: arm64 (such as t4g) or amd64 (such as t3)"
[[ $bucket =~ ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$ ]] || fail "'$bucket' must be the name of a bucket"
command -v aws >/dev/null || fail "the AWS CLI is not installed: install it; its configuration names the account and region"

releases=${ETCD_ASG_ETCD_RELEASES:-https://github.com/etcd-io/etcd/releases/download}
name=etcd-v$version-linux-$architecture.tar.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in "$name" SHA256SUMS; do
  curl --silent --show-error --fail --location --retry 5 --connect-timeout 5 --output "$work/$file" "$releases/v$version/$file" ||
    fail "cannot download $releases/v$version/$file: is there such a release, and is there a route to it?"
done
sum=$(awk -v name="$name" '$2 == name { print $1 }' "$work/SHA256SUMS")
[[ $sum =~ ^[0-9a-f]{64}$ ]] || fail "the release's list of checksums does not name $name: nothing was put"
printf '%s  %s\n' "$sum" "$work/$name" | sha256sum --check --status ||
  fail "the SHA-256 of $name is not that of the release's list: nothing was put"
aws s3 cp --only-show-errors "$work/$name" "s3://$bucket/etcd/$name" ||
  fail "cannot put $name into the bucket $bucket: the AWS CLI says why, above"
printf 'EtcdArchiveBucket=%s EtcdArchiveKey=etcd/%s EtcdSha256=%s\n' "$bucket" "$name" "$sum"
