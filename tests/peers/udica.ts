// `make udica-peers`: generated inspect files given to the original udica and to ours; every output must be the same.
// Left out is what we do otherwise on purpose: paths of which one begins another's last word, denials of several permissions, ports without a type.
// Usage: bun tests/peers/udica.ts [COUNT [SEED]]     needs root, python3, and the checkout that tests/fixtures/udica.ts names

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { udicaSource } from "../fixtures/udica.ts";

const top = join(import.meta.dir, "..", "..");
const count = Number(process.argv[2] ?? 500);
let state = Number(process.argv[3] ?? 1);

/** A small generator whose numbers a seed repeats. */
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
const some = <T>(from: readonly T[], most: number): T[] => [...new Set(Array.from({ length: random(most + 1) }, () => pick(from)))];
const chance = (percent: number): boolean => random(100) < percent;

const paths = ["/var/spool", "/var/lib/app", "/opt/data", "/srv/www", "/data", "/mnt/disk", "/usr/share/app", "/var/cache/app", "/alt/web", "/srv/labelled", "/srv/none"];
const templates = ["/home", "/etc", "/tmp", "/var/log"];
const capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "NET_RAW", "SETGID", "SETUID", "SYS_CHROOT", "MKNOD", "SYS_ADMIN"];
const devices = ["/dev/fb0", "/dev/dri/card0", "/dev/snd", "/dev/null", "/dev/kvm"];
const portRecords = { local: [{ type: "web_port_t", protocol: "tcp", low: 8080, high: 8090 }], policy: [
  { type: "ftp_port_t", protocol: "tcp", low: 21, high: 21 }, { type: "dns_port_t", protocol: "udp", low: 53, high: 53 },
  ...["tcp", "udp", "sctp"].flatMap(protocol => [
    { type: "reserved_port_t", protocol, low: 1, high: 511 }, { type: "hi_reserved_port_t", protocol, low: 512, high: 1023 },
    { type: "unreserved_port_t", protocol, low: 1024, high: 65_535 },
  ]),
] };

/** One policy for all cases: contexts at, under and beside the paths; labels on real directories. */
function makePolicy(): void {
  const folder = "/etc/selinux/toy/contexts/files";
  mkdirSync(folder, { recursive: true });
  writeFileSync("/etc/selinux/config", "SELINUXTYPE=toy\n");
  writeFileSync("/etc/selinux/ports.json", JSON.stringify(portRecords));
  const line = (expression: string): string => `${expression}\t${chance(20) ? "--\t" : ""}system_u:object_r:${expression.replace(/\W+/g, "_").slice(1, 20)}${random(4)}_t:s0\n`;
  const expressions = [...paths, ...devices].flatMap(path =>
    ["(/.*)?", "/sub(/.*)?", "/[^/]+", "/x\\.conf", "/.*\\.log", "/deep/(a|b)(/.*)?"].filter(() => chance(60)).map(end => path + end));
  writeFileSync(`${folder}/file_contexts`, `/.*\tsystem_u:object_r:default_t:s0\n${expressions.map(line).join("")}/srv/none\t<<none>>\n`);
  writeFileSync(`${folder}/file_contexts.local`, paths.slice(0, 4).map(path => line(`${path}/local`)).join(""));
  writeFileSync(`${folder}/file_contexts.homedirs`, line("/home/[^/]+/.*") + line("/var/spool/mail(/.*)?"));
  writeFileSync(`${folder}/file_contexts.subs_dist`, "/alt/web /srv/www\n");
  const store = "/var/lib/selinux/toy/active/modules/100/base";
  mkdirSync(store, { recursive: true });
  const range = (low: number, high: number): string => (low === high ? String(low) : `(${low} ${high})`);
  writeFileSync(`${store}/cil`, portRecords.policy.map(({ type, protocol, low, high }) => `(portcon ${protocol} ${range(low, high)} (system_u object_r ${type} ((s0) (s0))))\n`).join(""));
  writeFileSync(`${store}/../../../ports.local`, portRecords.local.map(({ type, protocol, low, high }) => `portcon ${protocol} ${low} - ${high} system_u:object_r:${type}:s0\n`).join(""));
  mkdirSync("/srv/labelled", { recursive: true });
  must(["python3", "-c", "import os; os.setxattr('/srv/labelled', 'security.selinux', b'system_u:object_r:real_label_t:s0\\0')"]);
}

function must(argv: readonly string[]): void {
  const ran = Bun.spawnSync([...argv]);
  if (ran.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${ran.stderr}${ran.stdout}`);
}

const ports = (): Record<string, unknown> => Object.fromEntries(some([21, 53, 80, 443, 700, 8080, 8085, 9000, 40_000], 3).map(port => [`${port}/${pick(["tcp", "tcp", "udp", "sctp"])}`, null]));
const sources = (): string[] => some([...paths, ...templates, "/var/spool/mail", "/srv/www/sub", "/data/sub"], 5);

const podmanLike = (engine: "podman" | "docker"): unknown => [{
  Config: { Env: ["PATH=/bin", ...(engine === "podman" ? [pick(["container=podman", "container=oci"])] : [])] },
  ...(engine === "podman" ? { EffectiveCaps: chance(10) ? null : some(capabilities, 8).map(name => `CAP_${name}`) } : {}),
  HostConfig: chance(10) ? {} : { Devices: chance(10) ? null : some(devices, 2).map(PathOnHost => ({ PathOnHost, PathInContainer: PathOnHost })) },
  Mounts: [...sources(), ...(chance(20) ? ["volume-name"] : [])].map(Source => ({ Type: "bind", Source, Destination: "/x", Mode: pick(["ro", "rw", ""]), RW: chance(50) })),
  NetworkSettings: chance(5) ? {} : { Ports: ports() },
}];

const crio = (): unknown => ({ status: chance(5) ? {} : { mounts: [...sources(), ...(chance(40) ? ["/var/lib/kubelet/pods/x"] : [])].map(hostPath => ({ hostPath, containerPath: "/x", readonly: chance(50) })) } });

const containerd = (): unknown => [{
  Runtime: { Name: "io.containerd.runc.v2" },
  Labels: chance(20) ? {} : { "nerdctl/ports": JSON.stringify(some([21, 80, 8080], 2).map(HostPort => ({ HostPort, ContainerPort: 1, Protocol: pick(["tcp", "udp"]), HostIP: "0.0.0.0" }))) },
  Spec: {
    process: { capabilities: { effective: some(capabilities, 6).map(name => `CAP_${name}`) } },
    linux: { devices: some(devices, 2).map(path => (chance(90) ? { path } : {})) },
    mounts: [...sources().map(source => ({ source, destination: "/x", options: chance(50) ? ["rbind", "ro"] : ["rbind", "rw"] })), { source: "proc", destination: "/proc", options: ["nosuid"] }],
  },
}];

const avc = (source: string): string =>
  `type=AVC msg=audit(1.1:${random(99)}): avc:  denied  { ${pick(["read", "open", "write", "getattr"])} } for  pid=1 comm=x scontext=system_u:system_r:${source}:s0:c1,c2 tcontext=system_u:object_r:${pick(["tmp_t", "etc_t", "var_t"])}:s0 tclass=${pick(["file", "dir"])} permissive=0\n`;

function makeCase(folder: string): void {
  mkdirSync(join(folder, "templates"), { recursive: true });
  for (const name of ["base", "net", "home", "log", "tmp", "config", "x", "tty", "virt"]) writeFileSync(join(folder, "templates", `${name}_container.cil`), `; ${name}\n`);
  const args = chance(8) ? userArgs() : containerArgs(folder);
  writeFileSync(join(folder, "args.json"), JSON.stringify(args));
}

function userArgs(): string[] {
  const letters = some([..."agmndislcb"], 10).join("");
  return ["confined_user", ...(letters ? [`-${letters}`] : []), ...(chance(50) ? ["--level", pick(["s0", "s1"])] : []),
    ...(chance(70) ? ["--range", pick(["s0", "s0:c0", "s0-s15:c0.c1023", "s0-s1", "s0-s0:c0.c1023"])] : []), `user_${random(9)}`];
}

function containerArgs(folder: string): string[] {
  const engine = pick(["podman", "docker", "CRI-O", "containerd"] as const);
  const value = engine === "CRI-O" ? crio() : engine === "containerd" ? containerd() : podmanLike(engine);
  writeFileSync(join(folder, "inspect.json"), JSON.stringify(value, null, chance(50) ? 2 : 0));
  const name = `box_${random(9)}`;
  const flags = (["--full-network-access", "--tty-access", "--X-access", "--virt-access"]).filter(() => chance(15));
  if (chance(25)) {
    writeFileSync(join(folder, "log"), Array.from({ length: random(8) }, () => avc(chance(80) ? `${name}.process` : "other_t")).join("") + "type=SYSCALL msg=audit(1.1:1)\n");
    flags.push(pick(["-a", "--append-rules"]), "log");
  }
  if (chance(20)) flags.push("-c", chance(20) ? pick(["none", "None"]) : some(capabilities, 5).map(word => (chance(50) ? word : `CAP_${word}`)).join(","));
  if (chance(20)) flags.push("--devices", some(devices, 3).join(","));
  if (chance(15)) flags.push("-s", "peer_box");
  if (chance(30)) flags.push("-e", chance(5) ? "rkt" : engine === "CRI-O" ? pick(["CRI-O", "CRIO"]) : engine);
  if (chance(6)) flags.push(pick(["-d", "--ansible"]));
  const where = chance(3) ? ["-j", "missing.json"] : chance(50) ? ["-j", "inspect.json"] : ["--json=inspect.json"];
  return chance(50) ? [...where, ...flags, name] : [name, ...flags, ...where];
}

const compared = (name: string): boolean => name.endsWith(".cil") || name.startsWith("variables-") || name === "out" || name === "status";

function differences(ours: string, theirs: string): string[] {
  const names = new Set([...readdirSync(ours), ...readdirSync(theirs)].filter(compared));
  const text = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8").trimEnd() : "(not there)");
  return [...names].filter(name => text(join(ours, name)) !== text(join(theirs, name)));
}

function inside(): number {
  const place = mkdtempSync("/tmp/udica-peers-");
  makePolicy();
  for (let index = 0; index < count; index++) makeCase(join(place, "theirs", String(index)));
  cpSync(join(place, "theirs"), join(place, "ours"), { recursive: true });
  must(["python3", join(import.meta.dir, "udica_original.py"), udicaSource, join(place, "theirs")]);
  let equal = 0;
  for (let index = 0; index < count; index++) {
    const [ours, theirs] = [join(place, "ours", String(index)), join(place, "theirs", String(index))];
    const args = JSON.parse(readFileSync(join(ours, "args.json"), "utf8")) as string[];
    const ran = Bun.spawnSync([join(top, "out/bin/udica"), ...args], { cwd: ours, stdin: "ignore" });
    writeFileSync(join(ours, "out"), ran.stdout);
    writeFileSync(join(ours, "status"), String(ran.exitCode));
    const found = differences(ours, theirs);
    if (found.length === 0) equal++;
    else console.log(`case ${index}: udica ${args.join(" ")}: ${found.join(", ")} differ`);
  }
  console.log(`${equal} of ${count} equal`);
  if (equal === count) rmSync(place, { recursive: true });
  else console.log(`left in ${place}`);
  return equal === count ? 0 : 1;
}

function outside(): number {
  if (udicaSource === "") {
    console.log("skipped: no checkout of containers/udica (tests/fixtures/udica.ts says where it is looked for)");
    return 0;
  }
  const script = 'mkdir -p /etc/selinux /var/lib/selinux && mount -t tmpfs tmpfs /etc/selinux && mount -t tmpfs tmpfs /var/lib/selinux && mount -t tmpfs tmpfs /srv && exec "$@"';
  const ran = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "bash", process.execPath, ...process.argv.slice(1, 2), String(count), String(state)],
    { env: { ...process.env, UDICA_PEERS: "inside" }, stdout: "inherit", stderr: "inherit" });
  return ran.exitCode;
}

process.exit(process.env["UDICA_PEERS"] === "inside" ? inside() : outside());
