// Attacks that once worked on the originals, each by its number: an image, a build or a container that tries to reach the host.

import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { jsonBytes, digestOf, type MadeImage } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import type { Entry } from "../fixtures/tar.ts";
import { build, hostSecret, inside, pulled as pulledFrom } from "./attack.ts";

const registry = withRegistry();
let secret = "";
beforeAll(() => void (secret = hostSecret()));
const pulled = (name: string, entries: readonly Entry[], config?: Record<string, unknown>): Promise<string> => pulledFrom(registry(), name, entries, config);

test("CVE-2024-21626: no working directory leads out by a handle that the runtime has open", () => {
  for (let fd = 3; fd < 20; fd++) {
    const ran = inside("-w", `/proc/self/fd/${fd}`, IMAGE, "sh", "-c", `cat ../../../../../../../..${secret} ../..${secret} .${secret}`);
    expect(ran.out).not.toContain("of the host");
  }
  const built = build([`FROM ${IMAGE}`, "WORKDIR /proc/self/fd/8", `RUN cat ../../../../../../../..${secret} || true`]);
  expect(built.out + built.err).not.toContain("of the host");
});

test("CVE-2024-1753: the source of a bind mount of a build does not follow links out of its stage or context", () => {
  const lines = (from: string) => [`FROM ${IMAGE} AS evil`, "RUN ln -s / /link && ln -s ../../../../../../../.. /up", `FROM ${IMAGE}`,
    ...["/link", "/up"].map(source => `RUN --mount=type=bind${from},source=${source},target=/mnt cat /mnt${secret} || true`)];
  const staged = build(lines(",from=evil"));
  expect(staged.out + staged.err).not.toContain("of the host");
  const fromContext = build([`FROM ${IMAGE}`, `RUN --mount=type=bind,source=link,target=/mnt cat /mnt${secret} || true`], [], folder => symlinkSync("/", join(folder, "link")));
  expect(fromContext.out + fromContext.err).not.toContain("of the host");
});

test("CVE-2024-9407: the propagation of a bind mount of a build is one of the known words", () => {
  const ran = build([`FROM ${IMAGE}`, "RUN --mount=type=bind,source=.,target=/mnt,bind-propagation=shared,exec true"]);
  expect(run(["findmnt", "-n", "-o", "PROPAGATION", "/"]).out.trim()).toBe("private");
  expect(build([`FROM ${IMAGE}`, "RUN --mount=type=bind,source=.,target=/mnt,bind-propagation=evil true"]).status).not.toBe(0);
  expect(ran.status === 0 || /bind-propagation/.test(ran.err)).toBe(true);
});

test("CVE-2024-9675: the name of a cache leads nowhere else", () => {
  const folder = newFolder("outside");
  writeFileSync(join(folder, "f"), "of the host");
  for (const id of [folder, `../../../../../../../..${folder}`, "../../../../../etc"]) {
    const ran = build([`FROM ${IMAGE}`, `RUN --mount=type=cache,id=${id},target=/c sh -c 'cat /c/f; echo evil >/c/evil'`]);
    expect(ran.out + ran.err).not.toContain("of the host");
  }
  expect([existsSync(join(folder, "evil")), existsSync("/etc/evil")]).toEqual([false, false]);
});

test("CVE-2024-9676: accounts that are links, pipes or endless are not followed, and stop nothing", async () => {
  const files: [string, Entry][] = [
    ["link", { name: "etc/passwd", kind: "symlink", target: `../../../../../../../..${secret}` }], ["pipe", { name: "etc/passwd", kind: "fifo" }],
    ["endless", { name: "etc/passwd", kind: "symlink", target: "/dev/zero" }], ["device", { name: "etc/passwd", kind: "character", device: [1, 5] }],
  ];
  for (const [name, entry] of files) {
    const image = await pulled(`passwd-${name}`, [entry]);
    const ran = run(["podman", "run", "--rm", "--network", "none", "--user", "someone", image, "true"], { timeoutMs: 10_000 });
    expect([name, ran.status === 124, ran.status === 0]).toEqual([name, false, false]);
    expect(ran.err).not.toContain("of the host");
  }
}, 60_000);

test("CVE-2022-1227: top runs no program of the container", async () => {
  const evil = { body: "#!/bin/sh\ntouch /ran\n", mode: 0o755 };
  const image = await pulled("top", [{ name: "bin/ps", ...evil }, { name: "bin/nsenter", ...evil }, { name: "usr/bin/ps", ...evil }]);
  ok("run", "-d", "--name", "watched", "--network", "none", image, "sleep", "100");
  podman("top", "watched", "pid", "comm");
  expect(podman("exec", "watched", "test", "-e", "/ran").status).toBe(1);
});

test("CVE-2022-27649, CVE-2022-27651: no capability is inheritable, in run, exec and build", () => {
  const read = ["grep", "-h", "CapInh", "/proc/self/status"];
  expect(inside(IMAGE, ...read).out).toMatch(/CapInh:\s*0{16}$/m);
  ok("run", "-d", "--name", "caps", "--network", "none", IMAGE, "sleep", "100");
  expect(ok("exec", "caps", ...read)).toMatch(/0{16}$/);
  const built = build([`FROM ${IMAGE}`, `RUN ${read.join(" ")}`]);
  expect(built.out + built.err).toMatch(/CapInh:\s*0{16}$/m);
});

test("CVE-2018-10856: a user that is not root has no capabilities", () => {
  expect(inside("--user", "1:1", IMAGE, "grep", "CapEff", "/proc/self/status").out).toMatch(/0{16}$/m);
});

test("CVE-2022-2989, CVE-2022-2990: the user's own group is among the groups", () => {
  expect(inside("--user", "7:8", IMAGE, "id", "-G").out.trim()).toBe("8");
  expect(inside("--user", "7:8", IMAGE, "grep", "Groups", "/proc/self/status").out.trim()).toMatch(/^Groups:\s+8$/);
});

test("CVE-2021-3602: the environment of the builder does not reach what it runs", () => {
  for (const isolation of ["chroot", "oci"]) {
    const ran = build([`FROM ${IMAGE}`, "RUN env"], ["--isolation", isolation]);
    expect([isolation, ran.status]).toEqual([isolation, 0]);
    expect(ran.out + ran.err).not.toContain("of the host");
  }
});

test("CVE-2019-10152, CVE-2018-15664: cp into a container follows its links inside of it", () => {
  const outside = newFolder("outside");
  ok("run", "-d", "--name", "linked", "--network", "none", IMAGE, "sh", "-c", `mkdir -p ${outside}; ln -s ${outside} /way; ln -s / /root-way; sleep 100`);
  for (let tries = 0; tries < 100 && podman("exec", "linked", "test", "-L", "/root-way").status !== 0; tries++);
  const file = join(newFolder("file"), "evil");
  writeFileSync(file, "evil");
  ok("cp", file, "linked:/way/evil");
  ok("cp", file, `linked:/root-way${outside}/evil2`);
  expect(run(["ls", "-A", outside]).out).toBe("");
  expect(ok("exec", "linked", "ls", outside)).toBe("evil\nevil2");
});

test("CVE-2019-18466: cp out of a container gives no file of the host", () => {
  ok("run", "-d", "--name", "source", "--network", "none", IMAGE, "sh", "-c", `ln -s ${secret} /link; ln -s / /up; touch /ready; sleep 100`);
  for (let tries = 0; tries < 100 && podman("exec", "source", "test", "-e", "/ready").status !== 0; tries++);
  const to = newFolder("to");
  podman("cp", "source:/link", join(to, "got"));
  podman("cp", `source:/up${secret}`, join(to, "got2"));
  for (const name of ["got", "got2"]) if (existsSync(join(to, name))) expect(readFileSync(join(to, name), "utf8")).not.toContain("of the host");
});

test("CVE-2020-1726: a volume that has files already is not filled again", () => {
  ok("volume", "create", "kept");
  inside("-v", "kept:/etc", IMAGE, "sh", "-c", "echo mine >/etc/passwd");
  expect(inside("-v", "kept:/etc", IMAGE, "cat", "/etc/passwd").out).toBe("mine\n");
});

test("CVE-2023-0778: an exported volume holds links as links", () => {
  ok("volume", "create", "links");
  inside("-v", "links:/v", IMAGE, "sh", "-c", `ln -s ${secret} /v/link; ln -s / /v/root`);
  const file = join(newFolder("export"), "v.tar");
  ok("volume", "export", "links", "-o", file);
  expect(run(["tar", "-tvf", file]).out).toContain(`link -> ${secret}`);
  expect(readFileSync(file).includes("of the host")).toBe(false);
});

test("CVE-2023-27561, CVE-2023-28642: /proc and /sys of an image may be no links", async () => {
  const image = await pulled("proc-link", [{ name: "proc", kind: "symlink", target: "/tmp" }, { name: "sys", kind: "symlink", target: "../../../../../../tmp" }]);
  const ran = inside(image, "true");
  if (ran.status === 0) expect(inside(image, "sh", "-c", "test -e /tmp/self/status && test -d /tmp/kernel").out).toBe("");
  expect(existsSync("/proc/self/status")).toBe(true);
});

/** As it is, whatever digests it names. */
const pushRaw = async (name: string, manifest: unknown, mediaType = "application/vnd.oci.image.manifest.v1+json"): Promise<void> => {
  const bytes = jsonBytes(manifest);
  await registry().push({ mediaType, manifest: bytes, digest: digestOf(bytes), id: "", blobs: new Map() } satisfies MadeImage, name).catch(() => {});
};

test("CVE-2024-3727: a digest that is none never becomes a path", () => {
  for (const digest of ["sha256:../../../../../../etc/passwd", "../../etc/passwd:abc", "sha256:", `sha256:${"A".repeat(64)}`, `md5:${"a".repeat(32)}`]) {
    const folder = newFolder("layout");
    mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
    writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 3 }] }));
    const ran = podman("pull", `oci:${folder}`);
    expect([ran.status, ran.err.split("\n").filter(line => line.startsWith("Error:")).length]).toEqual([125, 1]);
  }
});

test("CVE-2021-41190: a document that is image and index at once is refused", async () => {
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf(new Uint8Array()), size: 0 };
  const both = { schemaVersion: 2, config: { ...layer, mediaType: "application/vnd.oci.image.config.v1+json" }, layers: [layer], manifests: [layer] };
  const folder = newFolder("both");
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const bytes = jsonBytes(both);
  writeFileSync(join(folder, "blobs", digestOf(bytes).replace(":", "/")), bytes);
  for (const mediaType of ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"]) {
    writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest: digestOf(bytes), size: bytes.length }] }));
    const ran = podman("pull", `oci:${folder}`);
    expect([mediaType, ran.status]).toEqual([mediaType, 125]);
    expect(ran.err).toMatch(/manifest|index|both|image/);
  }
  await pushRaw("both", both);
});

test("CVE-2020-1702: a manifest of 100 MB is refused, in little memory", () => {
  const folder = newFolder("huge");
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const bytes = Buffer.from(`{"schemaVersion":2,"config":{},"layers":[],"x":"${"x".repeat(100_000_000)}"}`);
  writeFileSync(join(folder, "blobs", digestOf(bytes).replace(":", "/")), bytes);
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(bytes), size: bytes.length }] }));
  const ran = run(["bash", "-c", `ulimit -v unlimited; podman pull oci:${folder}`]);
  expect([ran.status, ran.err.split("\n").filter(line => line.startsWith("Error:")).length]).toEqual([125, 1]);
  expect(ran.err).toMatch(/larger|too large|more than|MiB/);
});

test("escape sequences in labels, commands and names reach no terminal", async () => {
  const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m";
  const image = await pulled("escape", [], { Labels: { evil }, Cmd: ["echo", evil] });
  ok("create", "--name", "escaped", "--network", "none", "--label", `x=${evil}`, image);
  const lines = ["images --format '{{.Labels}}'", "ps -a --no-trunc", "ps -a --format '{{.Labels}}'", "inspect escaped", `history ${image}`, `inspect --format '{{.Config.Labels}}' escaped`,
    `rm "$(printf '\\033[2Jx')"`];
  for (const line of lines) {
    const shown = run(["script", "-qec", `podman ${line}`, "/dev/null"]);
    expect([line, /[\u001b\u0007\u009b]/.test(shown.out)]).toEqual([line, false]);
  }
});
