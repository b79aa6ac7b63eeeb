# shellcheck shell=bash
# The data volume: found, given a file system where it is blank, and mounted, at each start. There is no line in fstab:
# a boot without the volume would end in the emergency mode, or etcd would start on the root volume.

readonly LABEL=etcd-asg
# A new EBS volume reads as zeros. Who formats a volume that was used looks at this much of it first.
readonly BLANK_BYTES=16777216

mount_volume() {
  local end=$((SECONDS + patience)) device='' wanted=${ETCD_ASG_DATA_DEVICE:-}
  [[ -n $wanted ]] || return 0
  [[ $wanted =~ ^/dev/[A-Za-z0-9/._:-]+$ && $wanted != *..* ]] || refuse_configuration "ETCD_ASG_DATA_DEVICE is '$wanted': it must be a device such as /dev/sdf"
  until is_mounted; do
    if find_device; then
      check_content
      mkdir -p "$data_dir" && mount -o noatime "$device" "$data_dir" && continue
      problem="the data volume $device cannot be mounted at $data_dir, and the kernel says why (dmesg); nothing on it was changed"
    fi
    say_once "etcd is not started without its data volume: $problem; waiting"
    ((SECONDS < end)) || again "etcd is not started without its data volume: $problem. Trying again"
    pause
  done
}

is_mounted() { awk -v place="$(readlink -m "$data_dir")" '$5 == place { found = 1 } END { exit !found }' /proc/self/mountinfo; }

# Sets `device`, or fails and sets `problem`. On Nitro instances a volume is an NVMe disk, and only some images make the
# name of the launch template a link to it (Amazon EBS user guide, "Map NVMe disks to volumes").
find_device() {
  local disk name model parts found=() ours=() foreign=''
  for name in "$wanted" "${wanted/#\/dev\/sd//dev/xvd}"; do
    device=$(readlink -e "$name") && [[ -b $device ]] && return
  done
  for disk in "${ETCD_ASG_SYS_BLOCK:-/sys/block}"/nvme*n1; do
    model=$(cat "$disk/device/model" 2>/dev/null)
    [[ ${model%% *} == Amazon && $model == *'Elastic Block Store'* ]] || continue
    device=/dev/${disk##*/}
    name=$(ebsnvme-id --block-dev "$device" 2>/dev/null)
    [[ /dev/${name#/dev/} != "$wanted" ]] || return 0
    mapfile -t parts < <(compgen -G "$disk/${disk##*/}p*")
    are_free "$disk" "${parts[@]}" || continue
    if [[ $(blkid -p -s LABEL -o value "$device") == "$LABEL" ]]; then
      ours+=("$device")
    elif ((${#parts[@]})) || [[ $(blkid -p -s USAGE -o value "$device") == filesystem ]]; then
      foreign=" ($device has partitions or a file system without the label $LABEL, so it is left alone)"
    else
      found+=("$device")
    fi
  done
  ((${#ours[@]} == 0)) || found=("${ours[@]}")
  device=${found[0]:-}
  ((${#found[@]} == 1)) && return
  problem="the data volume $wanted is not there: no disk has that name, and no EBS disk is free$foreign; does the launch template attach it?"
  ((${#found[@]} == 0)) ||
    problem="it is not known which of the disks ${found[*]} is the data volume $wanted: attach one beside the root volume, or use an image with ebsnvme-id (amazon-ec2-utils)"
  return 1
}

# Whether none of these disks and partitions is mounted, no device is made of one, and their numbers are told.
are_free() {
  local place number
  for place in "$@"; do
    number=$(cat "$place/dev") && ! compgen -G "$place/holders/*" >/dev/null && ! grep -q " $number " /proc/self/mountinfo || return
  done
}

# Makes a file system where the disk is blank, and refuses what is neither blank nor a file system.
check_content() {
  local kind
  kind=$(blkid -p -s USAGE -s PTTYPE -o value "$device")
  [[ $kind != filesystem ]] || return 0
  if [[ -n $kind || -n $(head -c "$BLANK_BYTES" "$device" | tr -d '\0' | head -c 1 | od -An -tx1) ]]; then
    refuse "$CONFIGURATION" "the data volume $device is not blank and has no file system that can be mounted (${kind:-unknown data}); nothing on it was changed: attach an empty volume"
  fi
  say "the data volume $device is blank: making a file system on it"
  if command -v mkfs.xfs >/dev/null; then mkfs.xfs -q -L "$LABEL" "$device"; else mkfs.ext4 -q -L "$LABEL" "$device"; fi ||
    again "cannot make a file system on the data volume $device: its messages stand above. Trying again"
}
