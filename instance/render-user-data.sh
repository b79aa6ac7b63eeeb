#!/usr/bin/env bash
# Prints the complete user data of a launch template. cloud-init needs nothing else to make an instance a member, except
# etcd where the image does not contain it (install-etcd.sh).
#
# render-user-data.sh CLUSTER [OPTION…]
#   --prefix PATH        the path of the parameters; default /etcd-asg
#   --etcd SOURCE        image (the image contains etcd), a released version, or an https:// or s3:// archive;
#                        default 3.6.16
#   --sha256 SUM         the SHA-256 of the archive; required for an https:// or s3:// archive
#   --device DEVICE      the data volume, for /var/lib/etcd; an empty volume gets a file system
#   --set NAME=VALUE     a line of /etc/etcd-asg/config: etcd's own settings (ETCD_…), ETCD_ASG_…, AWS_…; repeatable
#
# render-user-data.sh --template PREFIX ETCD SHA256 DEVICE CLUSTER SETTINGS
#   Prints the same with these words, which are not checked. render-cluster.sh passes references that CloudFormation
#   resolves.
set -euo pipefail

# EC2's limit for user data, before base64.
readonly LIMIT=16384

fail() {
  printf 'render-user-data: %s\n' "$*" >&2
  exit 1
}

# The bundle is one text: name, NUL, content, NUL, and so on. It has no comments and no indents, which would be a quarter
# of it. LZMA packs it, and the result is written as a number to the base 92, which takes a seventh less than gzip and
# base 64. The digits are ASCII's visible characters except two: Fn::Sub reads dollar signs, this script at signs. The same
# files always give the same bytes, so that a launch template changes only when the files change.
bundle() {
  local name
  for name in setup.sh etcd-asg.sh etcd-asg.service install-etcd.sh lib/*; do
    printf '%s\0' "$name"
    sed -E '/^[[:space:]]*(#([^!]|$)|$)/d; s/^ +//' "$name"
    printf '\0'
  done | python3 -c 'import lzma, sys
how = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0}]
number = int.from_bytes(lzma.compress(sys.stdin.buffer.read(), lzma.FORMAT_ALONE, filters=how), "big")
digits = [chr(code) for code in range(33, 127) if chr(code) not in "$@"]
text = ""
while number:
    number, digit = divmod(number, 92)
    text += digits[digit]
print(text[::-1])'
}

render() {
  local text
  text=$(sed '1!{/^ *#/d}' user-data.yaml)
  text=${text//@PREFIX@/"$1"}
  text=${text//@ETCD@/"$2"}
  text=${text//@SHA256@/"$3"}
  text=${text//@DEVICE@/"$4"}
  text=${text//@CLUSTER@/"$5"}
  text=${text//@SETTINGS@/"$6"}
  text=${text//@BUNDLE@/"$(bundle)"}
  LC_ALL=C
  ((${#text} < LIMIT)) || fail "the user data has ${#text} bytes and EC2 allows $LIMIT: put the script into the image"
  printf '%s\n' "$text"
}

check() {
  [[ $cluster =~ ^[A-Za-z0-9_.-]{1,100}$ ]] || fail "the cluster's name '$cluster' must be 1 to 100 characters of A-Z a-z 0-9 _ . -"
  [[ $prefix =~ ^(/[A-Za-z0-9_.-]+)+$ ]] || fail "the prefix '$prefix' must be a parameter path such as /etcd-asg"
  [[ $etcd =~ ^(image|[0-9]+\.[0-9]+\.[0-9]+|(https|s3)://[A-Za-z0-9._~:/%@+=-]+)$ ]] ||
    fail "--etcd '$etcd' must be image, a version such as 3.6.16, or an archive at https://… or s3://…"
  [[ $etcd != *://* || -n $sum ]] || fail "the archive $etcd needs its --sha256"
  [[ $sum =~ ^([0-9a-f]{64})?$ ]] || fail "--sha256 '$sum' must be 64 hexadecimal digits in lower case"
  [[ $device =~ ^(/dev/[A-Za-z0-9/._-]+)?$ ]] || fail "--device '$device' must be a device such as /dev/sdf"
}

root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$root"
if [[ ${1:-} == --template ]]; then
  (($# == 7)) || fail "--template takes PREFIX ETCD SHA256 DEVICE CLUSTER SETTINGS"
  shift
  render "$@"
  exit
fi

cluster=${1:?"usage: render-user-data.sh CLUSTER [--prefix PATH] [--etcd SOURCE] [--sha256 SUM] [--device DEVICE] [--set NAME=VALUE]…"}
shift
prefix=/etcd-asg etcd=3.6.16 sum='' device='' settings=''
while (($#)); do
  (($# >= 2)) || fail "$1 needs a value"
  case $1 in
    --prefix) prefix=$2 ;;
    --etcd) etcd=$2 ;;
    --sha256) sum=$2 ;;
    --device) device=$2 ;;
    --set)
      [[ $2 =~ ^(ETCD|AWS)_[A-Z0-9_]+=[[:print:]]*$ ]] || fail "--set '$2' must be NAME=VALUE, with a name ETCD_…, ETCD_ASG_… or AWS_…"
      settings+=${settings:+$'\n      '}$2
      ;;
    *) fail "the option $1 is not known" ;;
  esac
  shift 2
done
check
render "$prefix" "$etcd" "$sum" "$device" "$cluster" "${settings:-# no further settings}"
