#!/bin/bash
# `make faults`: one of the harnesses in a world of its own.    run.sh BUN run.ts KILLS [OPERATION] | run.sh BUN run-crowd.ts SECONDS
# PEER_ROOT=DIR: in that root file system, with the programs that are there instead of ours.
# CGROUPS=v1: without the v2 tree of a hybrid machine, where conmon starts before the container is ready.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bun=$(realpath "$1")
script=$2
shift 2
folder=$top/out/worlds/faults-$$
mkdir -p "$folder"
peer=(env)
[ -z "${PEER_ROOT:-}" ] || peer=(env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PODMAN_IGNORE_CGROUPSV1_WARNING=1)
status=0
unshare --mount --net --pid --ipc --fork --kill-child --mount-proc --propagation private "$top/tests/fixtures/peer-world.sh" "$folder" "${PEER_ROOT:-}" \
  "${peer[@]}" sh -c '[ "$0" != v1 ] || umount /sys/fs/cgroup/unified; exec "$@"' "${CGROUPS:-}" "$bun" "$top/tests/faults/$script" "$@" || status=$?
rm -rf --one-file-system "$folder"
exit "$status"
