#!/bin/bash
# `make faults`: the kills of run.ts in a world of their own.    run.sh BUN KILLS [OPERATION]
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bun=$(realpath "$1")
shift
folder=$top/out/worlds/faults-$$
mkdir -p "$folder"
status=0
unshare --mount --net --pid --ipc --fork --kill-child --mount-proc --propagation private "$top/tests/fixtures/world.sh" "$folder" "$bun" "$top/tests/faults/run.ts" "$@" || status=$?
rm -rf --one-file-system "$folder"
exit "$status"
