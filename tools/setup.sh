#!/bin/bash
# Installs what Coracle needs on Debian 12 or 13: Debian packages (as root) and the pinned npm packages. Quick where all is there.
# setup.sh run: what building and running need; setup.sh test: what the tests need besides.
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-run}

# Each program or file that must be there, with the Debian package that brings it. nothing-to-check packages name a file of theirs.
needs="
conmon:/usr/bin/conmon
crun:/usr/bin/crun
netavark:/usr/lib/podman/netavark
aardvark-dns:/usr/lib/podman/aardvark-dns
catatonit:/usr/bin/catatonit
uidmap:/usr/bin/newuidmap
passt:/usr/bin/pasta
slirp4netns:/usr/bin/slirp4netns
iptables:/usr/sbin/iptables
nftables:/usr/sbin/nft
golang-github-containers-common:/usr/share/containers/seccomp.json
golang-github-containers-image:/etc/containers/policy.json
iproute2:/sbin/ip
busybox-static:/bin/busybox
"
if [ "$want" = test ]; then
  needs="$needs
runc:/usr/sbin/runc
psmisc:/usr/bin/pstree
procps:/usr/bin/ps
openssl:/usr/bin/openssl
zstd:/usr/bin/zstd
bsdutils:/usr/bin/script
gpg:/usr/bin/gpg
gpg-agent:/usr/bin/gpg-agent
gpgconf:/usr/bin/gpgconf
git:/usr/bin/git
mmdebstrap:/usr/bin/mmdebstrap
cpp:/usr/bin/cpp
xz-utils:/usr/bin/xz
openssh-client:/usr/bin/ssh-agent
squashfs-tools:/usr/bin/unsquashfs
skopeo:/usr/bin/skopeo
util-linux:/usr/bin/unshare
strace:/usr/bin/strace
e2fsprogs:/sbin/mkfs.ext4
mount:/sbin/losetup
fuse-overlayfs:/usr/bin/fuse-overlayfs
"
fi

lacking() {
  local line
  for line in $needs; do [ -e "${line#*:}" ] || printf '%s ' "${line%%:*}"; done
}

install_packages() {
  local packages=$1
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "cannot install $packages: this needs root and apt; install them by hand" >&2
    return 1
  fi
  echo "installing: $packages" >&2
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $packages >/dev/null 2>&1 && return 0
  apt-get update -qq >&2
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

# The registry is unpacked, not installed: Debian's package would start a service on port 5000 of this machine.
fetch_registry() {
  [ "$want" = test ] || return 0
  [ -x out/fixtures/docker-registry ] && return 0
  mkdir -p out/fixtures
  if command -v docker-registry >/dev/null; then
    ln -sf "$(command -v docker-registry)" out/fixtures/docker-registry
    return 0
  fi
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && { apt-get download -qq docker-registry || { apt-get update -qq && apt-get download -qq docker-registry; }; }) >&2
  dpkg -x "$work"/docker-registry_*.deb "$work/tree"
  cp "$work/tree/usr/bin/docker-registry" out/fixtures/.docker-registry.new
  mv out/fixtures/.docker-registry.new out/fixtures/docker-registry
  rm -rf "$work"
}

# So is docker's daemon, for the tests of docker-daemon:, with the containerd that it starts; what it links comes with skopeo.
fetch_docker() {
  [ "$want" = test ] || return 0
  [ -x out/fixtures/docker/dockerd ] && return 0
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && { apt-get download -qq docker.io containerd || { apt-get update -qq && apt-get download -qq docker.io containerd; }; }) >&2
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/tree"; done
  rm -rf out/fixtures/docker out/fixtures/.docker.new
  mkdir -p out/fixtures/.docker.new
  for program in dockerd containerd; do
    cp "$work"/tree/usr/{bin,sbin}/$program out/fixtures/.docker.new/ 2>/dev/null || true
  done
  mv out/fixtures/.docker.new out/fixtures/docker
  rm -rf "$work"
}

# And an ssh server, for what moves through one; newer ones want a library for their logins besides.
fetch_sshd() {
  [ "$want" = test ] || return 0
  [ -x out/fixtures/sshd/usr/sbin/sshd ] && return 0
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && { apt-get download -qq openssh-server libwrap0 || { apt-get update -qq && apt-get download -qq openssh-server libwrap0; }; }) >&2
  (cd "$work" && apt-get download -qq libwtmpdb0 2>/dev/null || true) >&2
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/tree"; done
  rm -rf out/fixtures/sshd
  mkdir -p out/fixtures
  mv "$work/tree" out/fixtures/sshd
  rm -rf "$work"
}

# Install scripts are never run: the bun that is used is the program inside the platform's package.
install_npm() {
  local stamp=node_modules/.package-lock.json
  [ -e "$stamp" ] && [ ! package-lock.json -nt "$stamp" ] && ls node_modules/@oven/bun-linux-*/bin/bun >/dev/null 2>&1 && return 0
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  touch "$stamp"
}

install_packages "$(lacking)"
still=$(lacking)
if [ -n "$still" ]; then
  echo "cannot go on: still missing after installing: $still" >&2
  exit 1
fi
install_npm
fetch_registry
fetch_docker
fetch_sshd
