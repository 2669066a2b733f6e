// Checkpoints that travel: archives, images, copies; what is damaged or hostile is refused, and nothing is left of it.

import { afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { begin, ok, podman, run, shell, storeListing, until } from "../fixtures/coracle.ts";
import { startSshd } from "../fixtures/sshd.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

beforeAll(() => {
  const ran = run(["podman", "system", "setup", "criu", "--quiet"], { timeoutMs: 300_000 });
  if (ran.status !== 0) throw new Error(`this machine cannot checkpoint: ${ran.err}`);
}, 310_000);
afterEach(() => void run(["podman", "volume", "rm", "--all", "--force"]));

const state = (name: string, format: string): string => ok("container", "inspect", "--format", format, name);
const lastLine = (name: string): number => Number(ok("logs", name).split("\n").at(-1));
const program = "echo d >/data/d; echo a >/added; rm /etc/group; rm -rf /opt; mkdir /opt; i=0; while true; do echo $i; i=$(expr $i + 1); sleep 0.1; done";

async function source(name: string, ...flags: string[]): Promise<void> {
  ok("run", "-d", "--name", name, "-v", "data:/data", "--label", "kept=yes", ...flags, IMAGE, "sh", "-c", program);
  await until("the first lines", () => ok("logs", name).split("\n").length > 3);
}

function expectFiles(name: string): void {
  expect(ok("exec", name, "cat", "/data/d", "/added")).toBe("d\na");
  expect(podman("exec", name, "test", "-e", "/etc/group").status).toBe(1);
  expect(state(name, "{{.Config.Labels.kept}}")).toBe("yes");
}

for (const compression of ["none", "gzip", "zstd"]) {
  test(`an archive packed by ${compression} brings config, files, volumes, log and memory to where it is imported`, async () => {
    const file = `${newFolder()}/checkpoint.tar`;
    await source("moved");
    const address = state("moved", "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}}");
    expect(ok("container", "checkpoint", "--export", file, "--compress", compression, "moved")).toBe("moved");
    expect(shell(`stat -c %a ${file}; ls ${file}*`).out).toBe(`600\n${file}\n`);
    const [id, before] = [state("moved", "{{.Id}}"), lastLine("moved")];
    ok("rm", "moved");
    ok("volume", "rm", "data");
    expect(ok("container", "restore", "--import", file)).toBe(id);
    expect(state("moved", "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}}")).toBe(address);
    expectFiles("moved");
    await until("the counter going on", () => lastLine("moved") > before + 1);
    expect(ok("logs", "moved").split("\n").filter(line => line === "0")).toEqual(["0"]);
  });
}

test("an archive streams from standard output to standard input; --rm lets the container go with it", async () => {
  await source("streamed", "--rm");
  const id = state("streamed", "{{.Id}}");
  const ran = shell("podman container checkpoint --export - streamed >piped.tar && podman ps -aq && podman volume rm -f data >/dev/null && podman container restore --import - <piped.tar");
  expect(ran.err).toBe("");
  expect(ran.out.trim().split("\n")).toEqual([id]);
  expectFiles("streamed");
});

test("through a real ssh server a container moves to another store, in one pipe", async () => {
  const server = await startSshd();
  const other = `${Bun.which("podman")} --root /var/lib/containers/other --runroot /run/other`;
  try {
    ok(...other.split(" ").slice(1), "pull", "-q", IMAGE);
    await source("mover", "--rm", "--network", "none");
    const [id, before] = [state("mover", "{{.Id}}"), lastLine("mover")];
    const ran = shell(`set -o pipefail; podman container checkpoint --export - mover | ${server.ssh} '${other} container restore --import -'`);
    expect(ran).toMatchObject({ status: 0, out: `${id}\n`, err: "" });
    expect(podman("container", "exists", "mover").status).toBe(1);
    expect(shell(`${other} exec mover cat /data/d /added`).out).toBe("d\na\n");
    await until("the counter going on", () => Number(shell(`${other} logs mover`).out.trim().split("\n").at(-1)) > before);
    const broken = shell(`set -o pipefail; echo nothing | ${server.ssh} '${other} container restore --import - --name again'`);
    expect([broken.status, broken.err]).toEqual([125, expect.stringContaining("Error: ")]);
  } finally {
    shell(`${other} rm -f -t 0 -v --all`);
    await server.stop();
  }
});

test("copies under other names run beside the original, each with its own address, name and ports", async () => {
  const file = `${newFolder()}/checkpoint.tar`;
  await source("original", "-p", "8131:80");
  ok("container", "checkpoint", "-R", "--export", file, "original");
  for (const [name, port] of [["clone1", "8132"], ["clone2", "8133"]] as const) {
    ok("container", "restore", "--import", file, "--name", name, "--ignore-volumes", "--publish", `${port}:80`);
    expect(ok("port", name)).toBe(`80/tcp -> 0.0.0.0:${port}`);
  }
  const each = (format: string): Set<string> => new Set(["original", "clone1", "clone2"].map(name => state(name, format)));
  for (const format of ["{{.NetworkSettings.IPAddress}}", "{{.NetworkSettings.MacAddress}}", "{{.Id}}"]) expect(each(format).size).toBe(3);
  for (const name of ["original", "clone1", "clone2"]) expect(ok("exec", name, "cat", "/proc/1/cgroup")).toContain(`libpod-${state(name, "{{.Id}}")}`);
  expect(ok("exec", "clone1", "hostname")).toBe(state("clone1", "{{.Id}}").slice(0, 12));
  const before = lastLine("clone2");
  await until("the copy going on", () => lastLine("clone2") > before + 1);
  expect(podman("container", "restore", "--import", file, "--name", "clone1", "--ignore-volumes").err).toContain('name "clone1" is already in use');
  expect(podman("container", "restore", "--import", file, "--name", "clone3").err).toContain("volume with name data already exists. Use --ignore-volumes");
});

test("--ignore-rootfs and --ignore-volumes leave out what they say, on either side", async () => {
  const folder = newFolder();
  await source("parts");
  ok("container", "checkpoint", "-R", "--export", `${folder}/less.tar`, "--ignore-rootfs", "--ignore-volumes", "--compress", "none", "parts");
  const listed = shell(`tar -tf ${folder}/less.tar`).out;
  expect(listed).not.toMatch(/rootfs-diff|deleted\.files|volumes/);
  ok("container", "checkpoint", "--export", `${folder}/more.tar`, "--compress", "none", "parts");
  expect(shell(`tar -tf ${folder}/more.tar`).out).toContain("rootfs-diff.tar\ndeleted.files\nvolumes/data.tar\n");
  ok("container", "restore", "--import", `${folder}/more.tar`, "--name", "without", "--ignore-rootfs", "--ignore-volumes");
  expect(podman("exec", "without", "test", "-e", "/added").status).toBe(1);
});

test("--print-stats tells podman's numbers of both", async () => {
  await source("measured");
  const dumped = JSON.parse(ok("container", "checkpoint", "--print-stats", "measured"));
  expect(dumped.podman_checkpoint_duration).toBeGreaterThan(dumped.container_statistics[0].runtime_checkpoint_duration);
  expect(dumped.container_statistics[0].Id).toBe(state("measured", "{{.Id}}"));
  expect(dumped.container_statistics[0].criu_statistics.pages_written).toBeGreaterThan(0);
  const restored = JSON.parse(ok("container", "restore", "--print-stats", "measured"));
  expect(restored.podman_restore_duration).toBeGreaterThan(0);
  expect(restored.container_statistics[0].criu_statistics.pages_restored).toBeGreaterThan(0);
});

test("a checkpoint image goes to a registry and comes back", async () => {
  await source("imaged");
  const id = state("imaged", "{{.Id}}");
  expect(podman("container", "checkpoint", "--create-image", "Not A Name", "imaged").status).toBe(125);
  expect(state("imaged", "{{.State.Status}}")).toBe("running");
  ok("container", "checkpoint", "--create-image", "127.0.0.1:5000/saved:1", "imaged");
  const before = lastLine("imaged");
  ok("push", "-q", "127.0.0.1:5000/saved:1");
  ok("rm", "imaged");
  ok("rmi", "127.0.0.1:5000/saved:1");
  ok("volume", "rm", "data");
  ok("pull", "-q", "127.0.0.1:5000/saved:1");
  expect(ok("container", "restore", "127.0.0.1:5000/saved:1")).toBe("127.0.0.1:5000/saved:1");
  expect(state("imaged", "{{.Id}}")).toBe(id);
  expectFiles("imaged");
  await until("the counter going on", () => lastLine("imaged") > before + 1);
  expect(podman("container", "restore", IMAGE).err).toContain("it holds no checkpoint");
});

test("fork makes copies that go on by themselves, with files and volumes of their own", async () => {
  await source("db");
  const ids = ok("container", "fork", "db", "-n", "3").split("\n");
  expect(ok("ps", "--format", "{{.Names}}").split("\n").sort()).toEqual(["db", "db-fork1", "db-fork2", "db-fork3"]);
  expect(ids.map(id => state(id, "{{.Name}}"))).toEqual(["db-fork1", "db-fork2", "db-fork3"]);
  ok("exec", "db-fork1", "sh", "-c", "echo other >/data/d; echo other >/added");
  for (const name of ["db", "db-fork2", "db-fork3"]) expectFiles(name);
  expect(new Set(["db", ...ids].map(name => state(name, "{{.NetworkSettings.IPAddress}}"))).size).toBe(4);
  ok("rm", "-f", "-t", "0", "-v", ...ids);
  expect(ok("volume", "ls", "-q")).toBe("data");
  expect(podman("container", "fork", "db", "-n", "0").err).toContain("cannot fork into 0 copies");
});

test("checkpoint inspect shows processes, sockets and mounts, of a file and of a stream", async () => {
  const file = `${newFolder()}/checkpoint.tar`;
  ok("run", "-d", "--name", "shown", "-v", "data:/data", IMAGE, "httpd", "-f", "-p", "8080");
  await until("its socket", () => ok("exec", "shown", "netstat", "-ltn").includes(":8080 "));
  ok("container", "checkpoint", "--export", file, "shown");
  const [found] = JSON.parse(ok("checkpoint", "inspect", file));
  expect(found).toMatchObject({ Name: "shown", Engine: "coracle", Image: IMAGE, Volumes: ["data"] });
  expect(found.Criu).toMatch(/^\d+\.\d+/);
  expect(found.Processes).toEqual([{ Pid: 1, ParentPid: 0, Command: "httpd", Threads: 1 }]);
  expect(found.Sockets).toEqual([expect.objectContaining({ Protocol: "tcp", State: "LISTEN", Local: expect.stringMatching(/:8080$/) })]);
  expect(found.MemoryBytes).toBeGreaterThan(4096);
  expect(shell(`podman checkpoint inspect --format '{{.Name}} {{len .Processes}}' - <${file}`).out).toBe("shown 1\n");
});

/** Unpacks an archive, lets `change` at it and packs it again. */
function changed(file: string, change: (folder: string) => void): string {
  const folder = newFolder();
  shell(`tar -C ${folder} -xf ${file}`);
  change(folder);
  shell(`tar -C ${folder} -cf ${folder}.tar $(ls ${folder})`);
  return `${folder}.tar`;
}

const replaced = (file: string, from: Uint8Array, to: Uint8Array): void => {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(from);
  if (at < 0) throw new Error(`${file} has no such bytes`);
  bytes.set(to, at);
  writeFileSync(file, bytes);
};

test("damaged, truncated, foreign and hostile archives are refused with a reason, and leave nothing", async () => {
  const folder = newFolder();
  const good = `${folder}/good.tar`;
  await source("victim");
  ok("container", "checkpoint", "--export", good, "--compress", "none", "victim");
  ok("rm", "victim");
  ok("volume", "rm", "data");
  const undigested = (act: (at: string) => void) => changed(good, at => {
    shell(`rm ${at}/coracle.digests ${at}/coracle.dump`);
    act(at);
  });
  const bytes = readFileSync(good);
  const cut = (name: string, size: number): string => (writeFileSync(`${folder}/${name}`, bytes.subarray(0, size)), `${folder}/${name}`);
  writeFileSync(`${folder}/flipped.tar`, bytes.map((byte, at) => (at === bytes.indexOf("pages-1.img") + 600 ? byte ^ 1 : byte)));
  writeFileSync(`${folder}/noise`, "no archive at all, and not short either ".repeat(40));
  const cases: [string, RegExp][] = [
    [`${folder}/nowhere.tar`, /no such file or directory/],
    [`${folder}/noise`, /cannot import the checkpoint/],
    [cut("half.tar", bytes.length >> 1), /ends in the middle of an entry|is missing/],
    [cut("no-end.tar", bytes.indexOf("coracle.digests") & ~511), /coracle\.digests is missing: the archive was cut off/],
    [`${folder}/flipped.tar`, /has digest sha256:/],
    [changed(good, at => shell(`rm ${at}/checkpoint/core-1.img`)), /core-1\.img" is missing/],
    [undigested(at => shell(`rm ${at}/checkpoint/inventory.img`)), /a complete checkpoint for this container cannot be found/],
    [undigested(at => shell(`truncate -s 4096 ${at}/checkpoint/pages-1.img`)), /pages-1\.img holds 4096 bytes of memory, not/],
    [undigested(at => replaced(`${at}/checkpoint/core-1.img`, Uint8Array.of(0x08, 0x01), Uint8Array.of(0x08, 0x05))), /it was made on s390x/],
    [undigested(at => shell(`rm ${at}/config.dump`)), /config\.dump is missing/],
    [undigested(at => writeFileSync(`${at}/config.dump`, '{"id": 3}')), /names no container ID/],
    [undigested(at => writeFileSync(`${at}/deleted.files`, '["/../../etc/passwd"]')), /deleted\.files is no list of paths/],
    [undigested(at => shell(`tar -P -cf ${at}/rootfs-diff.tar --transform 's,.*,../../escaped,' /etc/hostname`)), /rootfs-diff\.tar: .*leads out/],
    [changed(good, at => shell(`ln -s /etc/passwd ${at}/checkpoint/extra.img`)), /is a link to "\/etc\/passwd"/],
    [changed(good, at => shell(`mknod ${at}/checkpoint/null.img c 1 3`)), /is a character/],
    [changed(good, at => writeFileSync(`${at}/authorized_keys`, "x")), /"authorized_keys" is no part of a checkpoint/],
    [changed(good, at => (mkdirSync(`${at}/checkpoint/deeper`), writeFileSync(`${at}/checkpoint/deeper/x`, ""))), /no folder of a checkpoint/],
  ];
  const before = storeListing();
  const names = ok("ps", "-a", "--format", "{{.Names}}");
  for (const [file, reason] of cases) {
    const ran = podman("container", "restore", "--import", file);
    expect([file, ran.status]).toEqual([file, 125]);
    expect(ran.err).toMatch(reason);
    expect(ran.err.trim().split("\n").length).toBe(1);
  }
  expect(storeListing()).toEqual(before);
  expect(ok("ps", "-a", "--format", "{{.Names}}")).toBe(names);
  expect(ok("volume", "ls", "-q")).toBe("");
  ok("container", "restore", "--import", good);
}, 120_000);

test("options that need an archive, or exclude each other, are refused", async () => {
  await source("picky");
  const refusals: [string[], string][] = [
    [["checkpoint", "--compress", "gzip", "picky"], "--compress can only be used with --export"],
    [["checkpoint", "--ignore-rootfs", "picky"], "--ignore-rootfs can only be used with --export"],
    [["checkpoint", "--ignore-volumes", "picky"], "--ignore-volumes can only be used with --export"],
    [["checkpoint", "--with-previous", "--pre-checkpoint", "picky"], "--with-previous can not be used with --pre-checkpoint"],
    [["checkpoint", "--export", "x.tar", "--all"], "--export can only be used with one container"],
    [["restore", "--name", "x", "picky"], "--name can only be used with image or --import"],
    [["restore", "--publish", "80:80", "picky"], "--publish can only be used with image or --import"],
    [["restore", "--ignore-rootfs", "picky"], "--ignore-rootfs can only be used with image or --import"],
    [["restore", "--ignore-volumes", "picky"], "--ignore-volumes can only be used with image or --import"],
    [["restore", "--import-previous", "y", "picky"], "--import-previous can only be used with image or --import"],
    [["restore", "--import", "x.tar", "picky"], "cannot use --import with positional arguments"],
    [["restore", "--import", "x.tar", "--all"], "cannot use --import with --all or --latest"],
    [["restore", "--import", "x.tar", "--name", "x", "--tcp-established"], "--tcp-established cannot be used with --name"],
    [["restore", "nowhere"], "no such container or image: nowhere"],
    [["restore", "--import", "x.tar", "--pod", "p"], "pod"],
  ];
  for (const [words, reason] of refusals) {
    const ran = podman("container", ...words);
    expect([words, ran.status]).toEqual([words, 125]);
    expect(ran.err).toContain(reason);
  }
  expect(state("picky", "{{.State.Status}}")).toBe("running");
});

test("--pre-checkpoint works where the kernel tracks memory, and says in one sentence where it does not", async () => {
  const folder = newFolder();
  await source("early");
  const tracks = run(["podman", "container", "checkpoint", "--pre-checkpoint", "--export", `${folder}/pre.tar`, "early"]);
  if (tracks.status !== 0) {
    expect(tracks.err).toContain("system (architecture/kernel/CRIU) does not support memory tracking");
    expect(tracks.err.trim().split("\n").length).toBe(1);
    expect(state("early", "{{.State.Status}}")).toBe("running");
    return;
  }
  ok("container", "checkpoint", "--with-previous", "--export", `${folder}/rest.tar`, "early");
  const before = lastLine("early");
  ok("rm", "early");
  ok("volume", "rm", "data");
  ok("container", "restore", "--import", `${folder}/rest.tar`, "--import-previous", `${folder}/pre.tar`);
  await until("the counter going on", () => lastLine("early") > before + 1);
});

test("killed in mid-checkpoint, the container runs on or can be restored", async () => {
  for (const delayMs of [60, 160, 260, 400]) {
    await source("struck");
    const dumping = begin(["podman", "container", "checkpoint", "struck"]);
    await Bun.sleep(delayMs);
    dumping.child.kill("SIGKILL");
    await dumping.exited;
    const before = lastLine("struck");
    // What was begun may end by itself after us.
    await until("the container to be one or the other", () => {
      const now = state("struck", "{{.State.Status}}:{{.State.Checkpointed}}");
      return now === "exited:true" || (now === "running:false" && lastLine("struck") > before + 1);
    }, 20_000);
    if (state("struck", "{{.State.Status}}") === "exited") ok("container", "restore", "struck");
    await until("the counter going on", () => lastLine("struck") > before + 1);
    expect(ok("logs", "struck").split("\n").filter(line => line === "0")).toEqual(["0"]);
    ok("rm", "-f", "-t", "0", "struck");
    ok("volume", "rm", "data");
  }
}, 120_000);
