#!/bin/bash
# `make run`: the main job with no registry and no internet, on a small image made of Debian's static busybox by our own tools.
# IMAGE=… CMD=… runs any image instead, from wherever registries.conf leads.
set -euo pipefail
cd "$(dirname "$0")/.."
podman=$PWD/out/bin/podman

if [ -n "${IMAGE:-}" ]; then
  interactive=
  [ -t 0 ] && [ -t 1 ] && interactive=-it
  # shellcheck disable=SC2086
  exec "$podman" run --rm $interactive "$IMAGE" ${CMD:-}
fi

show() {
  printf '\n\033[1m$ %s\033[0m\n' "podman $*"
  "$podman" "$@"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/root/{bin,etc,tmp,proc,sys,dev,root} "$work/archive"
cp /bin/busybox "$work/root/bin/busybox"
for name in $(/bin/busybox --list); do [ "$name" = busybox ] || ln -s busybox "$work/root/bin/$name"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/root/etc/passwd"
echo 'root:x:0:' >"$work/root/etc/group"

# A docker-archive: the layer, the config that names its digest, and the list of both.
layer=$work/archive/layer.tar
tar -C "$work/root" --sort=name --owner=0 --group=0 --mtime=@1728604800 -cf "$layer" .
machine=$(uname -m)
case $machine in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; esac
cat >"$work/archive/config.json" <<JSON
{"architecture":"$machine","os":"linux","created":"2024-10-11T00:00:00Z","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sh"]},
"rootfs":{"type":"layers","diff_ids":["sha256:$(sha256sum <"$layer" | cut -d' ' -f1)"]},"history":[{"created":"2024-10-11T00:00:00Z","created_by":"make run"}]}
JSON
echo '[{"Config":"config.json","RepoTags":["localhost/coracle-busybox:latest"],"Layers":["layer.tar"]}]' >"$work/archive/manifest.json"
tar -C "$work/archive" -cf "$work/busybox.tar" manifest.json config.json layer.tar

show pull "docker-archive:$work/busybox.tar"
"$podman" rm --force --ignore --time 0 coracle-hello >/dev/null
show run --name coracle-hello localhost/coracle-busybox sh -c 'echo "hello from container $(hostname), $(uname -s) $(uname -m), I am process $$"; ip addr show eth0 2>/dev/null | grep "inet "; ls /'
show ps --all
show images
show rm coracle-hello
