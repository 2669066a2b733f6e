# Coracle: `make run` shows the main job, `make test` proves it. Each does all of its own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := build
PREFIX ?= /usr/local
IMAGE ?=
CMD ?=
SOURCES = $(shell find src tools/build.ts package.json -type f 2>/dev/null)

.PHONY: setup setup-test setup-criu build run test ok system peers bench test-selinux udica-peers faults fuzz install docs clean

setup:
	@tools/setup.sh run

setup-test:
	@tools/setup.sh test

# A criu that works on this kernel, from a newer Debian suite into a folder of its own where there is none. Without it
# the tests of checkpoints fail and say why.
setup-criu: build
	@out/bin/podman system setup criu --quiet || true

# `bun` is looked up by the shell, after the set-up: make has read its wildcards before.
# Named whole: older npm also brings the program for musl, which does not run here.
bun = node_modules/@oven/bun-linux-$(if $(filter aarch64,$(shell uname -m)),aarch64,x64)/bin/bun

out/coracle: $(SOURCES) | setup
	@$(bun) tools/build.ts

build: setup out/coracle

# The main job, with no registry and no internet. IMAGE=… CMD=… runs any image instead.
run: build
	@IMAGE='$(IMAGE)' CMD='$(CMD)' tools/run.sh

# Everything: types, unit tests, tidiness, system tests. Writes out/test/*.xml and out/test/total.
test: setup-test build setup-criu
	@$(bun) node_modules/typescript/bin/tsc --noEmit
	@$(bun) tools/test.ts

# While working: types, unit tests and tidiness only.
ok: setup-test
	@$(bun) node_modules/typescript/bin/tsc --noEmit
	@$(bun) test src tests/tidy.test.ts --timeout=60000

# make system VERB=run: the system tests of one verb.
system: setup-test build setup-criu
	@$(bun) tools/test.ts tests/system/$(VERB).test.ts

# In an emulated guest whose kernel enforces SELinux; builds the guest once (some minutes), then needs two to three.
test-selinux: build
	@tests/selinux/run.sh

# Generated inspect files, the original udica beside ours; needs python3 and a checkout of the original.
udica-peers: build
	@$(bun) tests/peers/udica.ts 500

# Kills commands at every call by which they change anything; KILLS=1000 takes half an hour on two cores.
# Then fifty processes at once on one store, and losses of power.
KILLS ?= 1000
CROWD_SECONDS ?= 300
POWER_LOSSES ?= 200
faults: setup-test build setup-criu
	@tests/faults/run.sh $(bun) run.ts $(KILLS)
	@[ ! -e /sys/fs/cgroup/unified ] || for operation in run "run -d" start restore; do CGROUPS=v1 tests/faults/run.sh $(bun) run.ts 50 "$$operation" || exit 1; done
	@tests/faults/run.sh $(bun) run-crowd.ts $(CROWD_SECONDS)
	@tests/faults/run.sh $(bun) run-power.ts $(POWER_LOSSES)
	@tests/faults/run.sh $(bun) run-power.ts $(POWER_LOSSES) forgetful

# Random input to everything that takes some from outside, for so many seconds.
FUZZ_SECONDS ?= 600
fuzz: setup-test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(bun) tests/fuzz/run.ts

bench: setup-test build setup-criu
	@$(bun) tools/bench.ts

# PREFIX=DIR puts the program at DIR/bin/coracle; LINKS=1 also podman, buildah, skopeo and udica.
install: build
	@install -D -m 755 out/coracle '$(DESTDIR)$(PREFIX)/bin/coracle'
	@if [ "$(LINKS)" = 1 ]; then for name in podman buildah skopeo udica; do \
	  ln -sf coracle '$(DESTDIR)$(PREFIX)/bin/'$$name; done; fi
	@echo 'installed $(DESTDIR)$(PREFIX)/bin/coracle'

# Manual pages and completions to out/; docs/podman-parity.md and docs/reference, which are kept.
docs: setup
	@$(bun) tools/manual.ts
	@$(bun) tools/reference.ts

clean:
	rm -rf out
