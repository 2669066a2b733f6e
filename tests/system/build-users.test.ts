// Builds and working containers with users of their own: who runs, what the files they leave are owned by, and what is refused.
// Source: buildah-build(1), buildah-from(1), "--userns", "--userns-uid-map".

import { expect, test } from "bun:test";
import { appendFileSync, readFileSync, statSync } from "node:fs";
import { build, context, inImage } from "../fixtures/context.ts";
import { mustRun, podman, run } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
for (const file of ["/etc/subuid", "/etc/subgid"]) appendFileSync(file, "containers:10000000:200000\n");

const map = ["--userns-uid-map", "0:200000:2000", "--userns-gid-map", "0:300000:2000"];

test("RUN has the asked users, COPY and RUN leave the same owners, and no layer speaks of the host's numbers", () => {
  const directory = context(`FROM ${IMAGE}
RUN echo map $(cat /proc/self/uid_map) and $(cat /proc/self/gid_map)
COPY --chown=5:6 data /copied
RUN touch /made && chown 7:8 /made && echo copied $(stat -c %u:%g /copied) && echo more >> /copied
WORKDIR /work
COPY data .
RUN --mount=type=secret,id=s,uid=5 --mount=type=cache,target=/cache,uid=9 echo seen $(stat -c %u /run/secrets/s /cache /work/data) && touch /cache/x
RUN --mount=type=cache,target=/cache,uid=9 ls /cache
`, { data: "data", secret: "s" });
  const said = build(directory, "-t", "mapped", ...map, "--secret", `id=s,src=${directory}/secret`);
  expect(said).toContain("map 0 200000 2000 and 0 300000 2000\n");
  expect(said).toContain("copied 5:6\n");
  expect(said).toContain("seen 5 9 0\n");
  expect(said).toContain("\nx\n");
  expect(inImage("mapped", "stat -c '%n %u:%g' /copied /made /work/data; cat /copied")).toBe("/copied 5:6\n/made 7:8\n/work/data 0:0\ndatamore");
  const again = build(directory, "-t", "mapped", ...map, "--secret", `id=s,src=${directory}/secret`);
  expect(again.match(/Runs again.*/g)).toBeNull();
  expect(again.match(/Using cache/g)).toHaveLength(7);
});

test("--userns auto takes a range that /etc/subuid gives, with a network and without", () => {
  const directory = context(`FROM ${IMAGE}\nRUN cat /proc/self/uid_map; ls /sys/class/net\n`);
  const said = build(directory, "--no-cache", "--userns", "auto:size=1500");
  const [, first, size] = /^ +0 +(\d+) +(\d+)$/m.exec(said)!;
  expect([Number(first) > 0, size]).toEqual([true, "1500"]);
  const other = podman("build", "--no-cache", "--network", "host", "--userns", "auto", directory);
  expect([other.status, other.err]).toEqual([0, ""]);
});

test("maps that cannot be are refused, and leave nothing", () => {
  const directory = context(`FROM ${IMAGE}\nRUN true\n`);
  for (const wrong of [["--userns-uid-map", "0:x:1"], ["--userns-uid-map-user", "nobody-has-this"], ["--userns", "auto:size=x"], ["--userns", "nonsense"], ["--userns", "nomap"]]) {
    const { status, err } = podman("build", ...wrong, directory);
    expect([wrong, status, err.length > 0]).toEqual([wrong, 125, true]);
  }
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("/mapped");
});

test("buildah from keeps the map for run, copy and commit", () => {
  const name = mustRun(["buildah", "from", "--quiet", ...map, IMAGE]);
  const inside = (...words: string[]): string => mustRun(["buildah", "run", "--network", "none", name, ...words]);
  expect(inside("cat", "/proc/self/uid_map").trim()).toMatch(/^0 +200000 +2000$/);
  mustRun(["buildah", "copy", "--chown", "3:4", name, "/etc/hostname", "/copied"]);
  expect(inside("sh", "-c", "touch /made; stat -c %u:%g /copied /made")).toBe("3:4\n0:0");
  const root = mustRun(["buildah", "mount", name]);
  expect(inside("stat", "-c", "%u", "/made")).toBe("0");
  expect(statSync(`${root}/copied`).uid).toBe(3);
  expect(run(["buildah", "umount", name]).status).toBe(0);
  mustRun(["buildah", "commit", "-q", name, "from-mapped"]);
  expect(inImage("from-mapped", "stat -c %u:%g /copied /made")).toBe("3:4\n0:0");
  mustRun(["buildah", "rm", name]);
});
