// A disk without space or inodes, a store that cannot be written, too few open files: one clear error, and what makes room works.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { mustRun, run, type Ran } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

let disk: string;
let archive: string;
const at = (...words: string[]): Ran => run(["podman", "--root", join(disk, "root"), "--runroot", `${disk}-run`, ...words]);
const must = (...words: string[]): string => {
  const { status, out, err } = at(...words);
  if (status !== 0) throw new Error(`${words.join(" ")}: status ${status}\n${err}`);
  return out.trim();
};

/** A disk of its own with an image, a running container, two others, one with a volume, and an image made here. */
function fresh(options: string): void {
  disk = newFolder("disk");
  archive ??= join(newFolder("archive"), "image.tar");
  mustRun(["mount", "-t", "tmpfs", "-o", `mode=755,${options}`, "tmpfs", disk]);
  mustRun(["sh", "-c", `[ -e ${archive} ] || podman save -q -o ${archive} ${IMAGE}`]);
  must("load", "-q", "-i", archive);
  must("run", "-d", "--network", "none", "--name", "live", IMAGE, "sh", "-c", "echo here; exec sleep 1000");
  must("create", "--network", "none", "--name", "idle", IMAGE, "true");
  must("create", "--network", "none", "--name", "other", "-v", "data:/data", IMAGE, "true");
  must("commit", "-q", "idle", "made");
}

const adding: readonly (readonly string[])[] = [
  ["create", "--network", "none", IMAGE, "true"], ["run", "--rm", "--network", "none", IMAGE, "true"], ["volume", "create", "more"], ["commit", "-q", "idle", "second"],
  ["pull", "-q", "127.0.0.1:5000/ubi8:latest"], ["exec", "live", "true"],
];
const removing: readonly (readonly string[])[] = [
  ["stop", "-t", "0", "live"], ["rm", "idle"], ["rmi", "made"], ["system", "prune", "-af", "--volumes"], ["rm", "-fa", "-t", "0"], ["rmi", "-fa"],
];

const reading: readonly (readonly string[])[] = [
  ["ps", "-aq"], ["images", "-q"], ["inspect", "live"], ["image", "inspect", IMAGE], ["history", IMAGE], ["logs", "live"], ["diff", IMAGE], ["volume", "ls", "-q"], ["network", "ls", "-q"],
  ["system", "df"], ["info"], ["save", IMAGE],
];

/** The same one for several things counts once. */
const errors = ({ err }: Ran): string[] => [...new Set(err.split("\n").filter(line => line.startsWith("Error:")))];

for (const [what, options, fill, wanted] of [
  ["space", "size=16m", (folder: string) => `dd if=/dev/zero of=${folder}/filler bs=4k 2>/dev/null; dd if=/dev/zero of=${folder}/last bs=1 count=4096 2>/dev/null`, /no space left on device/],
  ["inodes", "size=60m,nr_inodes=1500", (folder: string) => `mkdir ${folder}/filler && for number in $(seq 3000); do : >${folder}/filler/$number || break; done`, /no space left on device/],
] as const) {
  test(`without ${what} nothing is added, in one clear error each; what makes room works, and the store is sound`, () => {
    fresh(options);
    run(["bash", "-c", fill(disk)]);
    for (const words of adding) {
      const ran = at(...words);
      if (ran.status === 0) continue;
      expect({ words, errors: errors(ran).length, text: ran.err }).toEqual({ words, errors: 1, text: expect.stringMatching(wanted) });
      expect(ran.err).not.toMatch(/E[A-Z]+: |undefined/);
    }
    expect(at("ps", "-a").status).toBe(0);
    for (const words of removing) expect({ words, ...at(...words) }).toMatchObject({ words, status: 0, err: "" });
    run(["rm", "-rf", join(disk, "filler"), join(disk, "last")]);
    expect(at("system", "check")).toMatchObject({ status: 0, out: "" });
    must("load", "-q", "-i", archive);
    expect(must("run", "--rm", "--network", "none", IMAGE, "echo", "works")).toBe("works");
  });
}

test("what is kept back for a full disk is there again when there is room", () => {
  fresh("size=40m");
  run(["sh", "-c", `dd if=/dev/zero of=${disk}/filler bs=4k 2>/dev/null`]);
  must("rm", "idle");
  expect(run(["test", "-e", `${disk}/root/reserve`]).status).toBe(1);
  run(["rm", join(disk, "filler")]);
  must("ps");
  expect(Number(mustRun(["stat", "-c", "%s", `${disk}/root/reserve/0`]))).toBe(1024 * 1024);
  must("rm", "-fa", "-t", "0");
});

test("a store that cannot be written says so in one line, and is what it was afterwards", () => {
  fresh("size=40m");
  must("exec", "live", "sh", "-c", "echo kept >/new; rm /bin/cat");
  must("stop", "-t", "0", "live");
  const exported = (name: string): string => mustRun(["sh", "-c", `podman --root ${disk}/root --runroot ${disk}-run export ${name} | tee ${archive}.root | sha256sum; tar -xOf ${archive}.root new 2>/dev/null; tar -tf ${archive}.root | grep -c "bin/cat$" || true`]);
  const before = ["live", "idle"].map(exported);
  expect(before[0]).toMatch(/-\nkept\n0$/);
  const program = mustRun(["sh", "-c", `ls ${disk}/root/layers/*/*/bin/busybox ${disk}/root/layers/*/bin/busybox 2>/dev/null || true`]).split("\n")[0]!;
  const writable = (is: boolean): string => mustRun(["sh", "-c", `for n in $(seq 100); do mount -o remount,${is ? "rw" : "ro"} ${disk} && exit 0; sleep 0.1; done 2>/dev/null; exit 1`]);
  // The container's own end may still be written down, and what was loaded be written back.
  // What a store learns by trying cannot be learned then.
  mustRun(["sh", "-c", `rm -f $(find ${disk} -maxdepth 3 -name layer-form)`]);
  writable(false);
  expect(at("system", "check")).toEqual({ status: 0, out: "", err: "" });
  expect(["live", "idle"].map(exported)).toEqual(before);
  writable(true);
  mustRun(["chmod", "0700", program]);
  writable(false);
  expect(at("system", "check")).toMatchObject({ status: 125, out: expect.stringContaining("bin/busybox was changed") });
  writable(true);
  mustRun(["chmod", "0755", program]);
  writable(false);
  expect(reading.filter(words => { const { status, out, err } = at(...words); return status !== 0 || out === "" || err !== ""; }).map(words => ({ words, ...at(...words) }))).toEqual([]);
  expect(at("system", "check", "--quick")).toMatchObject({ status: 0, err: "", out: "" });
  for (const words of [...adding.slice(0, -1), ...removing.slice(1)]) {
    const ran = at(...words);
    // Several containers, several reasons; but nothing else than these.
    const others = errors(ran).filter(line => !/read-only|in use by a container/.test(line));
    expect({ words, failed: ran.status !== 0, said: errors(ran).length > 0, others }).toEqual({ words, failed: true, said: true, others: [] });
  }
  mustRun(["mount", "-o", "remount,rw", disk]);
  expect(at("system", "check")).toMatchObject({ status: 0, out: "" });
  expect(must("run", "--rm", "--network", "none", IMAGE, "echo", "works")).toBe("works");
  must("rm", "-fa", "-t", "0");
});

/** How the version of the memory cgroups that is there is told a limit. */
const underLimit = (mebibytes: number, line: string): Ran => run(["bash", "-c", `
  if [ -d /sys/fs/cgroup/memory ]; then group=/sys/fs/cgroup/memory/coracle-limit; file=memory.limit_in_bytes
  else group=/sys/fs/cgroup/coracle-limit; file=memory.max; echo +memory >/sys/fs/cgroup/cgroup.subtree_control; fi 2>/dev/null
  mkdir -p $group && echo ${mebibytes}M >$group/$file && echo $$ >$group/cgroup.procs || exit 99
  exec podman --root ${disk}/root --runroot ${disk}-run ${line}`]);

test("with too little memory a command works, or says so, or is killed by the kernel; the store is sound", () => {
  fresh("size=60m");
  for (const mebibytes of [6, 8, 10, 12, 40]) for (const line of ["ps -a", `run --rm --network none ${IMAGE} true`, `load -q -i ${archive}`]) {
    const { status } = underLimit(mebibytes, line);
    expect({ mebibytes, line, status }).toEqual({ mebibytes, line, status: mebibytes === 40 || status === 0 ? 0 : 137 });
  }
  for (const limit of ["-v", "-d"]) {
    const ran = run(["bash", "-c", `ulimit ${limit} 600000; exec podman --root ${disk}/root --runroot ${disk}-run ps`]);
    expect(ran).toMatchObject({ status: 125, out: "", err: expect.stringMatching(/^Error: cannot start: a limit allows this program too little memory to set aside \((address space|data size): 614400000 bytes\); raise it by ulimit\n$/) });
  }
  must("rm", "-fa", "-t", "0");
  run(["sh", "-c", "for n in $(seq 50); do rmdir /sys/fs/cgroup/memory/coracle-limit || rmdir /sys/fs/cgroup/coracle-limit || { sleep 0.1; continue; }; break; done"]);
  expect(at("system", "check")).toMatchObject({ status: 0, out: "" });
  expect(must("run", "--rm", "--network", "none", IMAGE, "echo", "works")).toBe("works");
});

test("with few open files a command works or says so, never hangs, and leaves nothing", () => {
  fresh("size=60m");
  must("stop", "-t", "0", "live");
  const before = must("ps", "-aq");
  for (const count of [5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28]) for (const words of [["ps", "-a"], ["run", "--rm", "--network", "none", IMAGE, "true"], ["load", "-q", "-i", archive]]) {
    const ran = run(["bash", "-c", `ulimit -n ${count}; exec podman --root ${disk}/root --runroot ${disk}-run ${words.join(" ")}`], { timeoutMs: 20_000 });
    if (ran.status === 0) continue;
    expect({ count, words, status: ran.status, errors: errors(ran).length }).toEqual({ count, words, status: ran.status === 126 ? 126 : 125, errors: 1 });
    expect(ran.err).toMatch(/too many open files/i);
  }
  expect(must("ps", "-aq")).toBe(before);
  expect(at("system", "check")).toMatchObject({ status: 0, out: "" });
  must("rm", "-fa", "-t", "0");
});
