#!/bin/bash
# Boots the guest and runs FOLDER/job.sh in it; its console is printed, its status is ours. The guest's disk is thrown away.
# run-guest.sh GUEST FOLDER     needs qemu-system-x86; KVM=1 where the machine has it
set -uo pipefail
guest=$1
folder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$folder" -cf "$work/job.tar" .
truncate -s %512 "$work/job.tar"
how="-accel tcg,thread=multi -cpu max"
[ -n "${KVM:-}" ] && how="-accel kvm -cpu host"
# One processor: the emulator trips over a kernel that patches its own code while another processor runs it.
timeout "${GUEST_SECONDS_MAX:-900}" qemu-system-x86_64 $how -smp 1 -m 1536 -nodefaults -no-user-config -display none -no-reboot \
  -kernel "$guest/vmlinuz" -initrd "$guest/first-stage" \
  -append "console=ttyS0 quiet panic=-1 security=selinux enforcing=1 audit=1 net.ifnames=0" \
  -drive "file=$guest/root.ext4,format=raw,snapshot=on,if=virtio,cache=unsafe" -drive "file=$work/job.tar,format=raw,if=virtio" \
  -serial stdio </dev/null 2>&1 | tee "$work/console" | sed -u 's/\r$//'
status=$(tr -d '\r' <"$work/console" | sed -n 's/^guest-status=//p' | tail -1)
exit "${status:-99}"
