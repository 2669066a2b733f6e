#!/bin/busybox sh
# First stage of the guest: loads the disk's driver, mounts the labelled root, hands over to it.
b=/bin/busybox
$b mkdir -p /proc /sys /dev /root
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do [ -e "$module" ] && $b insmod "$module"; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 200 ]; do $b usleep 50000; tries=$((tries + 1)); done
$b mount -t ext4 -o rw,noatime /dev/vda /root || exec $b sh
$b mount -o move /dev /root/dev
$b umount /sys
$b umount /proc
exec $b switch_root /root /usr/sbin/guest-init
