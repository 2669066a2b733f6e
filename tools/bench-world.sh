#!/bin/bash
# Makes the place in which both programs are measured: the peers' root file system where there is one, with own network and stores.
# bench-world.sh FOLDER ROOT COMMAND…    ROOT is "" for this machine's own userland. Started by tools/bench.ts in new namespaces.
set -euo pipefail
folder=$1
root=$2
shift 2
top=$(cd "$(dirname "$0")/.." && pwd)
[ -n "$root" ] || exec "$top/tests/fixtures/world.sh" "$folder" "$@"

new=$folder/root
mkdir -p "$folder"/{layer,store} "$new"
mount -t tmpfs -o mode=755 tmpfs "$folder/layer"
mkdir "$folder"/layer/{upper,work}
mount -t overlay overlay -o "lowerdir=$root,upperdir=$folder/layer/upper,workdir=$folder/layer/work" "$new"
mount -t proc proc "$new/proc"
mount --rbind /sys "$new/sys"
mount --rbind /dev "$new/dev"
# The newer crun refuses a machine that shows both kinds of cgroups.
umount "$new/sys/fs/cgroup/unified" 2>/dev/null || true
mkdir -p "$new$top" "$new/var/lib/containers" "$new$folder"
mount --bind "$folder/store" "$new/var/lib/containers"
mount --rbind "$top" "$new$top"
mkdir -p "$new/.old"
cd "$new"
pivot_root . .old
cd /
umount -l /.old
exec "$top/tests/fixtures/world.sh" "$folder" "$@"
