#!/bin/bash
# Builds the guest of `make test-selinux`: a Debian root that enforces SELinux on pure cgroup v2, with a kernel and a first stage, for qemu.
# build-guest.sh FOLDER     needs root, mmdebstrap, e2fsprogs, busybox-static, xz-utils; the Debian mirror is the one apt uses here
set -euo pipefail
out=$1
here=$(cd "$(dirname "$0")" && pwd)
suite=trixie
root=$out/root
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -1)
packages=selinux-policy-default,policycoreutils,policycoreutils-python-utils,selinux-utils,semodule-utils,secilc,setools,auditd,kmod,attr
packages=$packages,crun,conmon,netavark,aardvark-dns,catatonit,nftables,iptables,criu,libcriu2,iproute2,procps,busybox-static,ca-certificates,bzip2
mkdir -p "$out"

if [ ! -e "$out/root-made" ]; then
  rm -rf "$root"
  mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
    --include="$packages" "$suite" "$root" "$mirror"
  touch "$out/root-made"
fi

# The kernel's files alone: no boot loader, no initramfs tools.
if [ ! -e "$out/vmlinuz" ]; then
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update >/dev/null
  kernel=$(chroot "$root" apt-cache show --no-all-versions linux-image-cloud-amd64 | sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -1)
  chroot "$root" sh -c "cd /tmp && apt-get -o APT::Sandbox::User=root download '$kernel'"
  rm -rf "$out/kernel"
  dpkg -x "$root"/tmp/linux-image-*.deb "$out/kernel"
  rm -f "$root"/tmp/linux-image-*.deb "$root/etc/resolv.conf"
  cp "$out"/kernel/boot/vmlinuz-* "$out/vmlinuz"
fi
version=$(basename "$out"/kernel/usr/lib/modules/*)

# Fewer modules: each load of a policy recompiles all of them, and the guest is emulated.
if [ ! -e "$out/slim" ]; then
  keep=" base clock container dnsmasq docker getty iptables lvm podman ssh staff su sudo unconfined unprivuser virt xdg xserver "
  words=()
  for module in "$root"/var/lib/selinux/default/active/modules/100/*; do
    name=$(basename "$module")
    [[ $keep == *" $name "* ]] || words+=(--disable="$name")
  done
  chroot "$root" semodule -n "${words[@]}"
  touch "$out/slim"
fi

# First stage: busybox, the disk's driver, and the way to the real root.
stage=$(mktemp -d)
mkdir -p "$stage/bin" "$stage/modules"
cp "$root/usr/bin/busybox" "$stage/bin/"
install -m 755 "$here/first-stage.sh" "$stage/init"
driver=$out/kernel/usr/lib/modules/$version/kernel/drivers/block/virtio_blk.ko.xz
[ -e "$driver" ] && xz -dc "$driver" >"$stage/modules/virtio_blk.ko"
(cd "$stage" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$out/first-stage")
rm -rf "$stage"

mkdir -p "$root/usr/lib/modules"
cp -a "$out/kernel/usr/lib/modules/$version" "$root/usr/lib/modules/"
chroot "$root" depmod "$version"
install -m 755 "$here/guest-init.sh" "$root/usr/sbin/guest-init"
printf 'SELINUX=enforcing\nSELINUXTYPE=default\n' >"$root/etc/selinux/config"
echo guest >"$root/etc/hostname"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/* "$root"/{proc,sys,tmp}/*
mkdir -p "$root"/{proc,sys,dev,run,tmp}
chroot "$root" setfiles -F /etc/selinux/default/contexts/files/file_contexts / 2>&1 | tail -2 || true
rm -f "$out/root.ext4"
mke2fs -q -t ext4 -O ^has_journal -d "$root" "$out/root.ext4" 2000M
rm -rf "$root" "$out/kernel" "$out/root-made" "$out/slim"
echo "built the guest in $out"
