// Keys of containers.conf whose effect no option's test shows, and those that have none: said once.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { begin, mustRun, ok, podman, run, until, type Ran } from "../fixtures/coracle.ts";
import { makeImage, type MadeImage } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { tarOf } from "../fixtures/tar.ts";

withRegistry();

const folder = newFolder("conf");

/** The environment in which containers.conf says this too. */
function saying(text: string): { env: Record<string, string> } {
  writeFileSync(`${folder}/more.conf`, text);
  return { env: { CONTAINERS_CONF_OVERRIDE: `${folder}/more.conf` } };
}

const under = (text: string, ...words: string[]): Ran => run(["podman", ...words], saying(text));
const sure = (text: string, ...words: string[]): string => mustRun(["podman", ...words], saying(text));

test("a key that nobody knows, or that has no effect here, is said once, and again when it changes", () => {
  const conf = '[engine]\nnonesuch = 1\nimage_default_format = "v2s2"\n';
  const first = under(conf, "info");
  expect(first.status).toBe(0);
  expect(first.err).toContain(`Failed to decode the keys [\\"engine.nonesuch\\"] from \\"${folder}/more.conf\\"`);
  expect(first.err).toContain("engine.image_default_format of containers.conf has no effect here: images keep the format they have");
  expect(under(conf, "info").err).toBe("");
  expect(under('[engine]\nnonesuch = 1\nplatform_to_oci_runtime = {"wasi/wasm" = "x"}\n', "info").err).toContain("platform_to_oci_runtime of containers.conf has no effect here: name a runtime with --runtime");
});

test("cgroup_conf goes to every container, and --cgroup-conf wins", () => {
  const conf = '[containers]\ncgroup_conf = ["memory.high=1073741824", "cpu.weight=7"]\n';
  const files = (...words: string[]): unknown => JSON.parse(ok("inspect", "--format", "{{json .HostConfig.CgroupConf}}", sure(conf, "create", ...words, IMAGE)));
  expect(files()).toEqual({ "memory.high": "1073741824", "cpu.weight": "7" });
  expect(files("--cgroup-conf", "cpu.weight=9")).toEqual({ "memory.high": "1073741824", "cpu.weight": "9" });
  expect(ok("inspect", "--format", "{{json .HostConfig.CgroupConf}}", ok("create", IMAGE))).toBe("null");
  expect(under('[containers]\ncgroup_conf = ["memory.high"]\n', "create", IMAGE)).toMatchObject({ status: 125, err: expect.stringContaining("CgroupConf memory.high from containers.conf invalid, must be name=value") });
});

test("conmon_env_vars are in conmon's environment, not in the container's", () => {
  const conf = '[engine]\nconmon_env_vars = ["MARK=of conmon"]\n';
  const id = sure(conf, "run", "-d", "--network", "none", IMAGE, "sleep", "100");
  const conmon = ok("inspect", "--format", "{{.State.ConmonPid}}", id);
  expect(readFileSync(`/proc/${conmon}/environ`, "utf8").split("\0")).toContain("MARK=of conmon");
  expect(ok("exec", id, "env")).not.toContain("MARK");
  ok("rm", "-f", "-t", "0", id);
});

test("dns_bind_port is where aardvark-dns listens, and names are found all the same", () => {
  const conf = "[network]\ndns_bind_port = 5399\n";
  ok("network", "create", "named");
  const id = sure(conf, "run", "-d", "--network", "named", "--name", "one", IMAGE, "sleep", "100");
  expect(run(["sh", "-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done"]).out).toMatch(/aardvark-dns .*-p 5399/);
  expect(under(conf, "run", "--rm", "--network", "named", IMAGE, "ping", "-c1", "one").out).toMatch(/^PING one \(10\./);
  mustRun(["podman", "rm", "-f", "-t", "0", id], saying(conf));
  ok("network", "rm", "named");
});

/** A registry of one image that is slow with blobs and counts how many it gives at one moment. */
function slowRegistry(image: MadeImage): { server: ReturnType<typeof Bun.serve>; most: () => number } {
  let now = 0;
  let most = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1", port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.includes("/manifests/")) return new Response(Buffer.from(image.manifest), { headers: { "content-type": image.mediaType, "docker-content-digest": image.digest } });
      const blob = image.blobs.get(pathname.split("/").at(-1)!);
      if (!blob) return new Response("{}");
      most = Math.max(most, ++now);
      await Bun.sleep(60);
      now--;
      return new Response(Buffer.from(blob));
    },
  });
  return { server, most: () => most };
}

test("image_parallel_copies is how many layers come at one moment", async () => {
  const layers = Array.from({ length: 8 }, (_, index) => tarOf([{ name: `file-${index}`, body: `${index}` }]));
  for (const [conf, least, most] of [["image_parallel_copies = 1", 1, 1], ["image_parallel_copies = 6", 4, 6], ["image_parallel_copies = 0", 2, 3]] as const) {
    const slow = slowRegistry(makeImage({ layers }));
    const name = `127.0.0.1:${slow.server.port}/many`;
    expect(await begin(["podman", "pull", "-q", "--tls-verify=false", name], saying(`[engine]\n${conf}\n`)).exited).toBe(0);
    expect(slow.most()).toBeGreaterThanOrEqual(least);
    expect(slow.most()).toBeLessThanOrEqual(most);
    ok("rmi", name);
    await slow.server.stop(true);
  }
});

test("multi_image_archive makes save take further words as images, and -m=false makes them tags again", () => {
  const conf = "[engine]\nmulti_image_archive = true\n";
  ok("tag", IMAGE, "localhost/second:1");
  const names = (...words: string[]): unknown => {
    rmSync(`${folder}/saved.tar`, { force: true });
    mustRun(["podman", "save", "-q", ...words, "-o", `${folder}/saved.tar`, IMAGE, "localhost/third:1"], saying(conf));
    return (JSON.parse(run(["tar", "-xOf", `${folder}/saved.tar`, "manifest.json"]).out) as { RepoTags: string[] }[]).map(({ RepoTags }) => RepoTags);
  };
  expect(under(conf, "save", "-q", "-o", `${folder}/none.tar`, IMAGE, "localhost/third:1").err).toContain("localhost/third:1: image not known");
  expect(names("-m=false")).toEqual([["localhost/third:1", IMAGE]]);
  ok("untag", "localhost/second:1", "localhost/second:1");
});

test("prepare_volume_on_create fills a new volume before the first start", () => {
  const place = ok("volume", "create", "early").length > 0 && ok("volume", "inspect", "--format", "{{.Mountpoint}}", "early");
  const plain = ok("create", "-v", "early:/etc", IMAGE, "true");
  expect(existsSync(`${place}/passwd`)).toBe(false);
  ok("rm", plain);
  const id = sure("[containers]\nprepare_volume_on_create = true\n", "create", "-v", "early:/etc", IMAGE, "cat", "/etc/passwd");
  expect(readFileSync(`${place}/passwd`, "utf8")).toContain("root:");
  expect(ok("start", "--attach", id)).toContain("root:");
  expect(podman("mount").out).toBe("");
});

test("events of the file lie in tmp_dir, and --tmpdir wins; the clean-up's too", async () => {
  const conf = `[engine]\nevents_logger = "file"\ntmp_dir = "${folder}/state"\n`;
  sure(conf, "run", "--network", "none", "--name", "left", IMAGE, "true");
  expect(readFileSync(`${folder}/state/events/events.log`, "utf8")).toMatch(/"died"/);
  expect(statSync(`${folder}/state/events`).mode & 0o777).toBe(0o700);
  mustRun(["podman", "--tmpdir", `${folder}/other`, "run", "-d", "--network", "none", IMAGE, "true"], saying(conf));
  await until("the clean-up to be told", () => readFileSync(`${folder}/other/events/events.log`, "utf8").includes('"cleanup"'));
  expect(mustRun(["podman", "--tmpdir", `${folder}/other`, "events", "--stream=false", "--filter", "event=died"], saying(conf)).split("\n")).toHaveLength(1);
});

test("volumes and devices are given to containers, builds and working containers; the line's own for the same place win", () => {
  writeFileSync(`${folder}/one`, "one");
  writeFileSync(`${folder}/two`, "two");
  writeFileSync(`${folder}/toy.yaml`, "kind: vendor.com/toy\ndevices: [{name: a, containerEdits: {env: [TOY=a]}}]");
  const conf = `[containers]\nvolumes = ["${folder}/one:/there"]\ndevices = ["/dev/kmsg:/dev/made:r", "vendor.com/toy=a"]\n[engine]\ncdi_spec_dirs = ["${folder}"]\n`;
  const look = "cat /there; ls /dev/made; echo $TOY";
  expect(sure(conf, "run", "--rm", "--network", "none", IMAGE, "sh", "-c", look)).toBe("one/dev/made\na");
  expect(sure(conf, "run", "--rm", "--network", "none", "-v", `${folder}/two:/there`, IMAGE, "cat", "/there")).toBe("two");
  writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nRUN ${look}\n`);
  expect(sure(conf, "build", "--no-cache", "--network", "none", folder)).toContain("one/dev/made\na");
  const name = mustRun(["buildah", "from", "-q", IMAGE], saying(conf));
  expect(mustRun(["buildah", "run", "--network", "none", name, "sh", "-c", look], saying(conf))).toBe("one/dev/made\na");
  mustRun(["buildah", "rm", name]);
  expect(under('[containers]\ndevices = [":"]\n', "create", IMAGE).err).toContain("parsing containers.conf devices:");
});

test("keyring = false leaves containers the keyring that is there", () => {
  writeFileSync(`${folder}/crun`, `#!/bin/sh\necho "$@" >>${folder}/calls\nexec $(command -v crun) "$@"\n`, { mode: 0o755 });
  const creates = (conf: string): string[] => {
    rmSync(`${folder}/calls`, { force: true });
    mustRun(["podman", "--runtime", `${folder}/crun`, "run", "--rm", "--network", "none", IMAGE, "true"], saying(conf));
    return readFileSync(`${folder}/calls`, "utf8").split("\n").filter(line => / create /.test(` ${line} `));
  };
  expect(creates("[containers]\nkeyring = false\n")).toEqual([expect.stringContaining("--no-new-keyring")]);
  expect(creates("")).toEqual([expect.not.stringContaining("--no-new-keyring")]);
});

test("interface_name = device calls the interface of a macvlan as its parent, and no other", () => {
  const conf = '[containers]\ninterface_name = "device"\n';
  mustRun(["ip", "link", "add", "parent9", "type", "veth", "peer", "name", "peer9"]);
  mustRun(["ip", "link", "set", "parent9", "up"]);
  ok("network", "create", "-d", "macvlan", "-o", "parent=parent9", "--subnet", "10.99.0.0/24", "over");
  expect(sure(conf, "run", "--rm", "--network", "over", IMAGE, "ls", "/sys/class/net")).toContain("parent9");
  expect(ok("run", "--rm", "--network", "over", IMAGE, "ls", "/sys/class/net")).toContain("eth0");
  expect(sure(conf, "run", "--rm", IMAGE, "ls", "/sys/class/net")).toContain("eth0");
  ok("network", "rm", "over");
  mustRun(["ip", "link", "del", "parent9"]);
});
