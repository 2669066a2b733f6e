#!/bin/bash
# `make faults`: one of the harnesses in a world of its own.    run.sh BUN run.ts KILLS [OPERATION] | run.sh BUN run-crowd.ts SECONDS
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bun=$(realpath "$1")
script=$2
shift 2
folder=$top/out/worlds/faults-$$
mkdir -p "$folder"
status=0
unshare --mount --net --pid --ipc --fork --kill-child --mount-proc --propagation private "$top/tests/fixtures/world.sh" "$folder" "$bun" "$top/tests/faults/$script" "$@" || status=$?
rm -rf --one-file-system "$folder"
exit "$status"
