#!/usr/bin/env bash
# image.sh SUITE: builds a bootable root of that Debian suite, once, and prints the folder that it is in: root.ext4, vmlinuz,
# initrd, packages (what is in it, in which version), and the key of an authority that the root trusts. It needs root.
#
# The suite is pinned, its packages are not: Debian's mirrors keep only the newest of a suite. `packages` tells a run apart.
set -euo pipefail

suite=${1:?"usage: image.sh SUITE"}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# What Debian's own cloud images have, as far as the boot script meets it.
packages=systemd-sysv,udev,dbus,cloud-init,linux-image-cloud-amd64,initramfs-tools,curl,ca-certificates,xfsprogs,e2fsprogs
packages+=,iproute2,netbase,mawk
# Other packages make another base, and a change of anything here makes another image.
mark() { sha256sum | cut -c-12; }
base=$root/.tools/host/$suite-$(mark <<<"$packages").tar
home=$root/.tools/host/$suite-$(find "$here/image.sh" "$here/root" -type f | sort | xargs cat | mark)
if [[ -e $home/packages ]]; then
  printf '%s\n' "$home"
  exit
fi

mkdir -p "$root/.tools/host"
rm -rf "$home"
work=$(mktemp -d "$root/.tools/host/.staging.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [[ ! -e $base ]]; then
  printf 'host: building Debian %s (about 5 minutes) …\n' "$suite" >&2
  timeout 1500 mmdebstrap --quiet --variant=minbase --architectures=amd64 --include="$packages" \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$work/base.tar" >&2
  mv "$work/base.tar" "$base"
fi

mkdir "$work/root" "$work/image"
tar -xf "$base" -C "$work/root" --numeric-owner
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=etcd-asg host test' -keyout "$work/image/ca.key" \
  -out "$work/image/ca.crt" 2>/dev/null
cp "$work/image/ca.crt" "$work/root/usr/local/share/ca-certificates/host-test.crt"
cp -r --no-preserve=ownership "$here/root/." "$work/root/"
chroot "$work/root" update-ca-certificates >/dev/null 2>&1
chroot "$work/root" systemctl --quiet enable systemd-networkd host-test-shell host-test-model
rm -f "$work/root/etc/fstab"
: >"$work/root/etc/machine-id"
chroot "$work/root" dpkg-query -W >"$work/image/versions"
mv "$work/root"/boot/vmlinuz-* "$work/image/vmlinuz"
mv "$work/root"/boot/initrd.img-* "$work/image/initrd"
mke2fs -q -t ext4 -L root -d "$work/root" "$work/image/root.ext4" 2G >&2
mv "$work/image/versions" "$work/image/packages"
mv "$work/image" "$home"
printf '%s\n' "$home"
