#!/bin/bash
# `make test-selinux`: our binary in a guest whose kernel enforces SELinux. The guest is built once, in out/selinux-guest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
guest=${SELINUX_GUEST:-$top/out/selinux-guest}
for word in qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs busybox:busybox-static xz:xz-utils; do
  command -v "${word%%:*}" >/dev/null || { echo "cannot find ${word%%:*}: install it with apt-get install ${word##*:}" >&2; exit 1; }
done
[ -e "$guest/root.ext4" ] || "$here/build-guest.sh" "$guest"
job=$(mktemp -d)
trap 'rm -rf "$job"' EXIT
mkdir -p "$job/root/bin" "$job/root"/{tmp,etc,proc,dev,sys,home,var}
cp "$(command -v busybox)" "$job/root/bin/busybox"
chroot "$job/root" /bin/busybox --install -s /bin
tar -C "$job/root" -cf "$job/image.tar" .
rm -rf "$job/root"
cp "$top/out/coracle" "$here/job.sh" "$here/user-cgroups.sh" "$here/all.json" "$job/"
"$here/run-guest.sh" "$guest" "$job"
