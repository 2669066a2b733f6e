// Moving over from a store that the original podman really made: images by ID, volumes, networks, secrets; and the store stays as it was.
// Runs where PEER_ROOT names a root with the originals; elsewhere there is nothing to adopt from.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, run } from "../fixtures/coracle.ts";
import { busybox, ubi8 } from "../fixtures/images.ts";
import { top } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";

const original = "/usr/bin/podman";
const root = "/var/lib/containers/original";
const theirs = (...words: string[]): string => mustRun([original, "--root", root, "--runroot", "/run/original", ...words]);
const ours = (...words: string[]): string => mustRun([join(top, "out", "bin", "podman"), ...words]);
const image = "127.0.0.1:5000/ubi8:latest";

describe.skipIf(!existsSync(original))("from the original's store", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
    await registry.push(ubi8(), "ubi8");
    await registry.push(busybox({ form: "oci", compression: "zstd" }), "busybox");
    theirs("pull", "-q", image, "127.0.0.1:5000/busybox:latest");
    theirs("create", "--name", "maker", "--network", "none", "-v", "kept:/kept", image, "sh", "-c", "echo made >/made; echo in-volume >/kept/file; chmod 4711 /made; ln /made /linked; rm /etc/os-release");
    theirs("start", "-a", "maker");
    theirs("commit", "-q", "--change", "LABEL by=original", "maker", "committed:1");
    theirs("network", "create", "--subnet", "10.45.0.0/24", "--label", "a=b", "moved");
    mustRun(["bash", "-c", `printf hush | ${original} --root ${root} --runroot /run/original secret create --label k=v word -`]);
  }, 120_000);
  afterAll(async () => {
    run([original, "--root", root, "--runroot", "/run/original", "rm", "-fa", "-t0"]);
    await registry?.stop();
  });

  test("all of it comes over, with the same IDs, and works", () => {
    const listed = (of: (...words: string[]) => string): string[] => of("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}").split("\n").sort();
    const before = listed(theirs);
    const plan = ours("system", "adopt", "--from", root, "--dry-run");
    expect(plan).toContain("would adopt volume kept");
    ours("system", "adopt", "--from", root);
    expect(listed(ours)).toEqual(before);
    const show = "cat /made /linked; stat -c '%a %h' /made; test -e /etc/os-release || echo gone";
    expect(ours("run", "--rm", "--network", "none", "-v", "kept:/kept", "committed:1", "sh", "-c", `${show}; cat /kept/file`)).toBe("made\nmade\n4711 2\ngone\nin-volume");
    expect(ours("image", "inspect", "--format", "{{.Labels.by}}", "committed:1")).toBe("original");
    expect(ours("run", "--rm", "--network", "none", "127.0.0.1:5000/busybox", "echo", "from zstd")).toBe("from zstd");
    expect(ours("network", "inspect", "--format", "{{(index .Subnets 0).Subnet}} {{.Labels.a}}", "moved")).toBe("10.45.0.0/24 b");
    expect(ours("network", "inspect", "--format", "{{.ID}}", "moved")).toBe(theirs("network", "inspect", "--format", "{{.ID}}", "moved"));
    expect(ours("run", "--rm", "--network", "none", "--secret", "word", image, "cat", "/run/secrets/word")).toBe("hush");
    expect(ours("system", "adopt", "--from", root)).not.toContain("adopted ");
    expect(listed(theirs)).toEqual(before);
    expect(readFileSync(`${theirs("volume", "inspect", "--format", "{{.Mountpoint}}", "kept")}/file`, "utf8")).toBe("in-volume\n");
  }, 120_000);
});
