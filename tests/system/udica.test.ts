// udica: the original's own cases, read from its checkout; the compiled program on text files; and hostile input.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { confineContainer } from "../../src/commands/confine/container.ts";
import { makeConfinedUser } from "../../src/commands/confine/confined-user.ts";
import { mustRun, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { mockLabels, udicaFile, udicaSource } from "../fixtures/udica.ts";

const own = udicaSource === "" ? "(no checkout of containers/udica: see tests/fixtures/udica.ts)" : "";
const back = process.cwd();
let place = "";
beforeAll(() => {
  place = newFolder("udica");
  mkdirSync(join(place, "templates"));
  for (const name of ["base", "net", "home"]) writeFileSync(join(place, "templates", `${name}_container.cil`), `; ${name}\n`);
});
afterAll(() => process.chdir(back));

const cases: [inspect: string, expected: string, options: string[], templates: string][] = [
  ["basic.podman", "basic.podman", [], "base net home"], ["basic.oci", "basic.oci", [], "base net home"],
  ["basic.docker", "basic.docker", [], "base net home"],
  ["basic.cri", "basic.cri", ["--full-network-access"], "base net home"],
  ["basic.cri", "basic.cri", ["--container-engine", "CRI-O", "--full-network-access"], "base net home"],
  ["default.podman", "default.podman", [], "base"], ["default.podman", "default.podman", ["-e", "podman"], "base"],
  ["default.docker", "default.docker", [], "base"], ["default.docker", "default.docker", ["-e", "docker"], "base"],
  ["default.oci", "default.podman", [], "base"],
  ["ports.podman", "ports.podman", [], "base net"], ["ports.docker", "ports.docker", [], "base net"],
  ["nocontext.podman", "nocontext.podman", [], "base"],
  ["default.podman", "stream_connect.podman", ["--stream-connect", "network_container"], "base"],
  ["default.podman", "fullnetworkaccess.podman", ["--full-network-access"], "base net"],
  ["default.podman", "virtaccess.podman", ["--virt-access"], "base virt"],
  ["default.podman", "xaccess.podman", ["--X-access"], "base x"], ["default.podman", "ttyaccess.podman", ["--tty-access"], "base tty"],
  ["default.podman", "append_avc.podman", ["-a", "append_avc_file"], "base"],
  ["devices.podman", "devices.podman", [], "base"], ["devices.podman", "devices.podman", ["--devices", "/dev/fb0"], "base"],
];

async function confine(args: readonly string[]): Promise<{ status: number; out: string }> {
  process.chdir(place);
  const lines: string[] = [];
  const status = await confineContainer(args, line => lines.push(line), mockLabels());
  return { status, out: `${lines.join("\n")}\n` };
}

const printed = (names: string): string => {
  const files = names.split(" ").map(name => `${name}_container.cil`);
  return `./templates/${files.length > 1 ? `{${files.join(",")}}` : files[0]}`;
};

for (const [inspect, expected, options, templates] of cases) {
  test.skipIf(own !== "")(`the original's case ${inspect} ${options.join(" ")} ${own}`, async () => {
    const words = options.map(word => (word === "append_avc_file" ? udicaFile(word) : word));
    const { status, out } = await confine(["-j", udicaFile(`test_${inspect}.json`), ...words, "my_container"]);
    expect(readFileSync("my_container.cil", "utf8").trim()).toBe(readFileSync(udicaFile(`test_${expected}.cil`), "utf8").trim());
    expect([status, out]).toEqual([0, `\nPolicy my_container created!\n\nPlease load these modules using: \n# semodule -i my_container.cil ${printed(templates)}\n` +
      '\nRestart the container with: "--security-opt label=type:my_container.process" parameter\n']);
  });
}

for (const [inspect, names] of [["default", "base"], ["basic", "base net home"]] as const) {
  test.skipIf(own !== "")(`the original's case ${inspect} --ansible ${own}`, async () => {
    const { status, out } = await confine(["-j", udicaFile(`test_${inspect}.podman.json`), "my_container", "--ansible"]);
    expect(status).toBe(0);
    expect(out).toContain("\nAnsible playbook and archive with udica policies generated! \nPlease run ansible play to deploy the policy.\n");
    expect(readFileSync("variables-deploy-module.yml", "utf8").trim()).toBe(readFileSync(udicaFile(`test_${inspect}.ansible.podman.yml`), "utf8").trim());
    expect(existsSync("my_container.cil")).toBe(false);
    mustRun(["tar", "-xzf", "my_container-policy.tar.gz"], { cwd: place });
    expect(readFileSync("my_container.cil", "utf8").trim()).toBe(readFileSync(udicaFile(`test_${inspect}.podman.cil`), "utf8").trim());
    for (const name of names.split(" ")) expect(readFileSync(`${name}_container.cil`, "utf8")).toBe(`; ${name}\n`);
    expect(readFileSync("deploy-module.yml", "utf8")).toContain("semodule -i {{ policy }}");
  });
}

for (const letters of ["cla", "lb", "lsid", "abcdgilmns"]) {
  test.skipIf(own !== "")(`the original's case confined_user -${letters} ${own}`, () => {
    process.chdir(place);
    const lines: string[] = [];
    expect(makeConfinedUser(["confined_user", `-${letters}`, "--level", "s0", "--range", "s0:c0", "my_container"], line => lines.push(line))).toBe(0);
    expect(readFileSync("my_container.cil", "utf8").trim()).toBe(readFileSync(udicaFile(`test_confined_${letters}.cil`), "utf8").trim());
    expect(lines.join("\n")).toContain("semanage login -a -s my_container_u my_container");
  });
}

// From here on the compiled program, in a folder of its own, on the text files of a policy of ours.

const inspect = (more: object = {}): string => JSON.stringify([{
  Config: { Env: ["container=podman"] }, EffectiveCaps: ["CAP_KILL", "CAP_CHOWN"], HostConfig: { Devices: [] }, Mounts: [], NetworkSettings: { Ports: {} }, ...more,
}]);
const mount = (source: string, RW = false): object => ({ Type: "bind", Source: source, Destination: "/x", RW });

function udica(args: readonly string[], input = ""): { status: number; out: string; err: string; cil: string | undefined } {
  const folder = newFolder("run");
  mkdirSync(join(folder, "templates"));
  const ran = run(["udica", ...args], { cwd: folder, input });
  const file = readdirSync(folder).find(name => name.endsWith(".cil"));
  return { ...ran, cil: file === undefined ? undefined : readFileSync(join(folder, file), "utf8") };
}

beforeAll(() => {
  mkdirSync("/etc/selinux", { recursive: true });
  mustRun(["mount", "-t", "tmpfs", "tmpfs", "/etc/selinux"]);
  mkdirSync("/var/lib/selinux", { recursive: true });
  mustRun(["mount", "-t", "tmpfs", "tmpfs", "/var/lib/selinux"]);
  writeFileSync("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=toy\n");
  mkdirSync("/etc/selinux/toy/contexts/files", { recursive: true });
  const files = "/etc/selinux/toy/contexts/files/file_contexts";
  writeFileSync(files, "# toy\n/.*\tsystem_u:object_r:default_t:s0\n/var/spool(/.*)?\tsystem_u:object_r:var_spool_t:s0\n/var/spoolx(/.*)?\tsystem_u:object_r:other_t:s0\n" +
    "/var/spool/lpd(/.*)?\t-d\tsystem_u:object_r:print_spool_t:s0\n/srv/none\t<<none>>\n/etc/my\\.d(/.*)?\tsystem_u:object_r:my_etc_t:s0\n");
  writeFileSync(`${files}.local`, "/var/spool/cron\tsystem_u:object_r:cron_spool_t:s0\n");
  writeFileSync(`${files}.subs_dist`, "/altspool /var/spool\n");
  mkdirSync("/var/lib/selinux/toy/active/modules/100/base", { recursive: true });
  writeFileSync("/var/lib/selinux/toy/active/modules/100/base/cil", "(portcon tcp (1 511) (system_u object_r reserved_port_t ((s0) (s0))))\n(portcon tcp 21 (system_u object_r ftp_port_t ((s0) (s0))))\n");
  writeFileSync("/var/lib/selinux/toy/active/ports.local", "portcon tcp 8080 system_u:object_r:web_port_t:s0\n");
});

test("contexts are taken by component, from all files, and looked up through substitutions", () => {
  const { cil, status } = udica(["-j", "-", "web"], inspect({ Mounts: [mount("/var/spool", true), mount("/altspool/lpd")] }));
  expect(status).toBe(0);
  expect([...cil!.matchAll(/allow process (\w+) \( dir \( (add_name|getattr)/g)].map(found => `${found[1]} ${found[2] === "add_name" ? "rw" : "ro"}`))
    .toEqual(["cron_spool_t rw", "print_spool_t rw", "var_spool_t rw", "print_spool_t ro"]);
});

test("a literal dot of a path is one of the policy's too", () => {
  expect(udica(["-j", "-", "web"], inspect({ Mounts: [mount("/etc/my.d")] })).cil).toContain("my_etc_t");
});

test("ports get the narrowest type, the machine's own first; one without a type is explained", () => {
  const { cil } = udica(["-j", "-", "web"], inspect({ NetworkSettings: { Ports: { "8080/tcp": null, "21/tcp": null } } }));
  expect(cil).toContain("(allow process ftp_port_t ( tcp_socket (  name_bind ))) \n    (allow process web_port_t ( tcp_socket (  name_bind ))) \n");
  const bad = udica(["-j", "-", "web"], inspect({ NetworkSettings: { Ports: { "9/udp": null } } }));
  expect([bad.status, bad.cil]).toEqual([4, undefined]);
  expect(bad.out).toContain("Couldn't create policy: port 9/udp has no type in this host's policy\ngive it one with: semanage port -a -t http_port_t -p udp 9\n");
});

test("--explain says what asked for each rule, and changes none", () => {
  const input = inspect({ Mounts: [mount("/var/spool/lpd"), mount("/home")] });
  const [plain, explained] = [udica(["-j", "-", "web"], input).cil!, udica(["--explain", "-j", "-", "web"], input).cil!];
  expect(explained).toContain("    ; mount /var/spool/lpd ro\n    (allow process print_spool_t ( dir (");
  expect(explained).toContain("    ; mount /home ro\n    (blockinherit home_container)");
  expect(explained.split("\n").filter(line => !line.startsWith("    ;")).join("\n")).toBe(plain);
});

test("all permissions of a denial are taken, and those of another process are left out with a warning", () => {
  const folder = newFolder("avc");
  const line = (source: string, words: string): string => `type=AVC msg=audit(1.1:1): avc:  denied  { ${words} } for  pid=1 comm="x" scontext=system_u:system_r:${source}:s0:c1,c2 tcontext=system_u:object_r:tmp_t:s0 tclass=file permissive=1\n`;
  writeFileSync(join(folder, "log"), line("web.process", "read open") + line("web2.process", "write") + "type=SYSCALL msg=x\n" + line("web.process", "getattr read"));
  const { cil, out } = udica(["-a", join(folder, "log"), "-j", "-", "web"], inspect());
  expect(cil).toContain("    (allow process tmp_t ( file ( read open getattr ))) \n");
  expect(cil).not.toContain("write");
  expect(out).toContain("WARNING: process type: web2.process seems to be unrelated to this container policy. Skipping allow rule.\n");
});

const names = ["a(b", "a)b", 'a"b', "a\nb", "a b", "a;b", "../a", "/tmp/a", "", "1a", "a".repeat(129), "container", "ä"];
for (const name of names) {
  test(`a name that no policy can have is refused: ${JSON.stringify(name.slice(0, 20))}`, () => {
    const { status, out, cil } = udica(["-j", "-", "--", name], inspect());
    expect([status, cil]).toEqual([4, undefined]);
    expect(out).toStartWith("Couldn't create policy: the name ");
  });
}

const breakouts: [what: string, args: string[], more?: object][] = [
  ["a capability", ["-c", "KILL))) (allow a b (c (d"]], ["a stream", ["-s", "a.process (x) "]],
  ["capabilities of inspect", [], { EffectiveCaps: ["CAP_KILL))) (allow x y (z (w"] }],
  ["a protocol", [], { NetworkSettings: { Ports: { "1/tcp ( x": null } } }],
];
for (const [what, args, more] of breakouts) {
  test(`${what} that would break out of the policy is refused`, () => {
    const { status, out, cil } = udica(["-j", "-", ...args, "web"], inspect(more));
    expect([status, cil]).toEqual([4, undefined]);
    expect(out.trim().split("\n")[0]).toStartWith("Couldn't create policy: ");
  });
}

const wrong: [what: string, input: string][] = [
  ["nothing", ""], ["no JSON", "{"], ["an empty list", "[]"], ["a list of numbers", "[1]"], ["a list of null", "[null]"], ["no Config", "[{}]"],
  ["too deep", "[".repeat(100_000)], ["mounts that are a text", inspect({ Mounts: "x" })], ["a mount that is a number", inspect({ Mounts: [1] })],
  ["a source that is a list", inspect({ Mounts: [{ Source: [], RW: true }] })], ["a port that is none", inspect({ NetworkSettings: { Ports: { "x/tcp": null } } })],
  ["a port too high", inspect({ NetworkSettings: { Ports: { "70000/tcp": null } } })], ["a port without protocol", inspect({ NetworkSettings: { Ports: { "1": null } } })],
  ["capabilities that are numbers", inspect({ EffectiveCaps: [1] })], ["devices without paths", inspect({ HostConfig: { Devices: [{}] } })],
  ["100 MB", `[${" ".repeat(100 * 1024 * 1024)}]`], ["a NUL", "[\u0000]"],
];
for (const [what, input] of wrong) {
  test(`inspect data of the wrong shape is one clear error: ${what}`, () => {
    const { status, out, err, cil } = udica(["-j", "-", "web"], input);
    expect([status, err, cil]).toEqual([3, "", undefined]);
    expect(out).toStartWith("Couldn't parse inspect data: ");
    expect(out.trim().split("\n").length).toBe(1);
  });
}

const ends: [args: string[], status: number, stream: "out" | "err", said: string][] = [
  [["-j", "/no/such", "web"], 3, "out", "Json file does not exists!\n"], [["-i", "nosuch", "web"], 3, "out", "Container with specified ID does not exits!\n"],
  [["-j", "-", "-a", "/no/such", "web"], 3, "out", "AVC file does not exists!\n"],
  [["-j", "-", "-e", "rkt", "web"], 3, "out", "Couldn't parse inspect data: Container Engine rkt is not supported.\n"],
  [["-V"], 0, "out", "0.2.8\n"], [[], 2, "err", "error: the following arguments are required: ContainerName\n"],
  [["--nope", "web"], 2, "err", "error: unrecognized arguments: --nope\n"], [["--c", "x", "web"], 2, "err", "error: ambiguous option: --c could match"],
  [["-j"], 2, "err", "error: argument -j/--json: expected one argument\n"],
];
for (const [args, status, stream, said] of ends) {
  test(`udica ${args.join(" ")} ends with ${status}`, () => {
    const ran = udica(args, inspect());
    expect(ran[stream]).toContain(said);
    expect([ran.status, ran.cil]).toEqual([status, undefined]);
  });
}

test("--watch of a container that is not there, and --remove where there is nothing to remove, are refused", () => {
  const watched = udica(["--watch", "box", "web"]);
  expect([watched.status, watched.err]).toEqual([125, 'Error: no container with name or ID "box" found: no such container\n']);
  expect(udica(["--remove", "web"]).status).toBe(125);
});

test("long options may be shortened and stand anywhere", () => {
  expect(udica(["web", "--full", "--js", "-"], inspect()).cil).toContain("(blockinherit net_container)");
});

test("confined_user: names, levels and ranges that break out are refused, sets of categories are written right", () => {
  for (const args of [["a(b"], ["--level", "s0)", "bob"], ["--range", "s0) (x", "bob"], ["--range", "s0:c1.c2.c3", "bob"]]) {
    expect([udica(["confined_user", ...args]).status, udica(["confined_user", ...args]).cil]).toEqual([1, undefined]);
  }
  expect(udica(["confined_user", "--range", "s0-s0:c1,c3.c5", "bob"]).cil).toContain("(userrange bob_u ((s0 ) (s0 (c1 (range c3 c5)))))");
});

test("templates are written out where there are none, whole, for the policy's flavour", () => {
  const folder = newFolder("bare");
  const ran = run(["udica", "-j", "-", "web"], { cwd: folder, input: inspect({ Mounts: [mount("/home")] }) });
  const place = /semodule -i web\.cil (\S+)\/\{base_container\.cil,home_container\.cil\}/.exec(ran.out)?.[1];
  expect(place).toBe("/usr/local/share/udica/templates");
  expect(readFileSync(`${place}/base_container.cil`, "utf8")).toContain("(block container\n");
  expect(readFileSync(`${place}/home_container.cil`, "utf8")).toContain("(block home_manage_container\n");
  rmSync(place!, { recursive: true });
});
