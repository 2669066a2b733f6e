// Devices that vendors describe (Container Device Interface): --device VENDOR/CLASS=NAME and --gpus.
// Source: the CDI specification, SPEC.md; podman-run(1), "--device", "--gpus". The answers were podman's.

import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { context } from "../fixtures/context.ts";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const folder = newFolder("cdi");
const put = (name: string, text: string, place = folder): void => writeFileSync(`${place}/${name}`, text);
const toy = (device: string, more = ""): string => `cdiVersion: "0.5.0"
kind: vendor.com/toy
containerEdits:
  env: ["EVERY=toy"]
devices:
- name: ${device}
  containerEdits:
    env: ["ONE=${device}"]
    deviceNodes: [{path: /dev/toy, hostPath: /dev/kmsg, permissions: r}]
    mounts: [{hostPath: ${folder}/text, containerPath: /toy, options: [ro, bind]}]
${more}`;
const inside = (...words: string[]) => run(["podman", "--cdi-spec-dir", folder, "run", "--rm", "--network", "none", ...words]);

test("a described device brings its variables, nodes and mounts, at each start", () => {
  put("text", "of the host\n");
  put("toy.yaml", toy("a"));
  expect(inside("--device", "vendor.com/toy=a", IMAGE, "sh", "-c", "echo $EVERY $ONE; cat /toy; stat -c %t:%T /dev/toy; (: >/dev/toy) 2>/dev/null || echo no writing; touch /toy 2>&1"))
    .toMatchObject({ out: expect.stringMatching(/^toy a\nof the host\n1:b\nno writing\n.*Read-only/) });
  const id = mustRun(["podman", "--cdi-spec-dir", folder, "create", "--network", "none", "--device", "vendor.com/toy=a", "--env", "ONE=mine", IMAGE, "sh", "-c", "echo $ONE; ls /dev/toy"]);
  expect(mustRun(["podman", "--cdi-spec-dir", folder, "start", "-a", id])).toBe("a\n/dev/toy");
  rmSync(`${folder}/toy.yaml`);
  expect(run(["podman", "--cdi-spec-dir", folder, "start", "-a", id])).toMatchObject({ status: 126, err: expect.stringContaining("setting up CDI devices: unresolvable CDI devices vendor.com/toy=a") });
  ok("rm", id);
});

test("JSON, modes and owners, further groups, hooks, and the file's edits once for two devices", () => {
  writeFileSync(`${folder}/hook`, `#!/bin/sh\ncat >/dev/null\necho "$1" >>${folder}/hooks\n`);
  chmodSync(`${folder}/hook`, 0o755);
  const node = (path: string, more: object): object => ({ path, hostPath: "/dev/zero", ...more });
  put("both.json", JSON.stringify({
    cdiVersion: "0.7.0", kind: "vendor.com/both", containerEdits: { hooks: [{ hookName: "createRuntime", path: `${folder}/hook`, args: ["hook", "once"] }] },
    devices: [
      { name: "a", containerEdits: { deviceNodes: [node("/dev/one", { fileMode: 0o640, uid: 7, gid: 8 })] } },
      { name: "b", containerEdits: { deviceNodes: [node("/dev/two", {})], additionalGids: [4242] } },
    ],
  }));
  put("octal.yaml", "kind: vendor.com/octal\ndevices:\n- name: a\n  containerEdits:\n    deviceNodes:\n    - path: /dev/three\n      hostPath: /dev/zero\n      fileMode: 0604\n");
  const ran = inside("--device", "vendor.com/both=a", "--device", "vendor.com/both=b", "--device", "vendor.com/octal=a", IMAGE, "sh", "-c", "stat -c '%a %u %g' /dev/one /dev/three; ls /dev/two; id -G");
  expect([ran.status, ran.err]).toEqual([0, ""]);
  expect(ran.out).toMatch(/^640 7 8\n604 0 0\n\/dev\/two\n.*\b4242\b/);
  expect(run(["cat", `${folder}/hooks`]).out).toBe("once\n");
});

test("later directories win; two files of one leave a device open; what is broken is named where it matters", () => {
  const [first, second] = [newFolder("first"), newFolder("second")];
  put("toy.yaml", toy("a").replace("ONE=a", "ONE=first"), first);
  put("toy.yaml", toy("a").replace("ONE=a", "ONE=second"), second);
  const among = (...directories: string[]) =>
    run(["podman", ...directories.flatMap(place => ["--cdi-spec-dir", place]), "run", "--rm", "--network", "none", "--device", "vendor.com/toy=a", IMAGE, "sh", "-c", "echo $ONE"]);
  expect(among(first, second).out).toBe("second\n");
  expect(among(second, first).out).toBe("first\n");
  const conf = `${second}/cdi.conf`;
  writeFileSync(conf, `[engine]\ncdi_spec_dirs = ["${second}"]\n`);
  expect(run(["podman", "run", "--rm", "--network", "none", "--device", "vendor.com/toy=a", IMAGE, "sh", "-c", "echo $ONE"], { env: { CONTAINERS_CONF_OVERRIDE: conf } }).out).toBe("second\n");
  put("again.yaml", toy("a"), first);
  expect(among(first)).toMatchObject({ status: 126, err: expect.stringContaining("unresolvable CDI devices vendor.com/toy=a") });
  expect(among(first).err).toContain("two files of one directory describe vendor.com/toy=a");
  for (const [bad, why] of [["bad: [", "bad.yaml"], ["kind: 1", "no kind or no devices"], ["kind: a.b/c\ndevices: [{}]", "a device has no name"], [toy("z").replace('["ONE=z"]', '"ONE"'), 'env of device "z"'],
    [toy("z").replace("permissions: r", "permissions: q"), "deviceNodes of device"]] as const) {
    put("bad.yaml", bad, second);
    expect(among(second).out).toBe("second\n");
    const lost = run(["podman", "--cdi-spec-dir", second, "run", "--rm", "--device", "vendor.com/toy=none", IMAGE, "true"]);
    expect(lost.status).toBe(126);
    expect(lost.err).toContain(why);
  }
  put("bad.yaml", "kind: vendor.com/net\ndevices: [{name: a, containerEdits: {netDevices: [{hostInterfaceName: eth0, name: eth1}]}}]", second);
  expect(run(["podman", "--cdi-spec-dir", second, "run", "--rm", "--device", "vendor.com/net=a", IMAGE, "true"]).err).toContain("cannot give a container a network device");
});

test("--gpus are devices of nvidia.com, from the usual places", () => {
  expect(podman("run", "--rm", "--gpus", "all", IMAGE, "true")).toMatchObject({ status: 126, err: expect.stringContaining("unresolvable CDI devices nvidia.com/gpu=all") });
  mkdirSync("/etc/cdi", { recursive: true });
  put("nvidia.yaml", "kind: nvidia.com/gpu\ndevices: [{name: all, containerEdits: {env: [GPU=all]}}, {name: '0', containerEdits: {env: [GPU=first]}}]", "/etc/cdi");
  expect(ok("run", "--rm", "--network", "none", "--gpus", "all", IMAGE, "sh", "-c", "echo $GPU")).toBe("all");
  expect(ok("run", "--rm", "--network", "none", "--gpus", "0", IMAGE, "sh", "-c", "echo $GPU")).toBe("first");
  expect(podman("run", "--rm", "--gpus", "device=0", IMAGE, "true").err).toContain('invalid GPU: "device=0"');
  rmSync("/etc/cdi", { recursive: true });
});

test("steps of builds and commands in working containers have them too", () => {
  put("toy.yaml", toy("a"));
  const device = ["--cdi-config-dir", folder, "--device", "vendor.com/toy=a"];
  expect(mustRun(["buildah", "build", "--no-cache", "--network", "none", ...device, context(`FROM ${IMAGE}\nRUN cat /toy; echo "one $ONE"; ls /dev/toy\n`)])).toMatch(/of the host\none a\n\/dev\/toy/);
  const name = mustRun(["buildah", "from", "-q", ...device, IMAGE]);
  expect(mustRun(["buildah", "run", "--network", "none", name, "cat", "/toy"])).toBe("of the host");
  mustRun(["buildah", "rm", "-a"]);
});
