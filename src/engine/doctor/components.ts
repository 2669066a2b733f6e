// The doctor's look at the programs we build on: there, executable, working, new enough.

import { statSync } from "node:fs";
import { findProgram, programPlaces, spawnSync } from "../../base/spawn.ts";
import { findCriu } from "../../runtime/criu.ts";
import { hasCriu, privateCrun } from "../../runtime/checkpointing.ts";
import { conmonPath } from "../containers/launch.ts";
import { runtimeName, runtimeOf } from "../containers/runtime-choice.ts";
import type { Host } from "../host.ts";
import { configured, type Check, type Finding, type Looked, type Scene, type Severity } from "./finding.ts";

interface Component {
  readonly name: string;
  readonly package: string;
  readonly severity: Severity;
  readonly for?: "root" | "user";
  /** What does not work without it. */
  readonly lack: string;
  /** Works as well where it is there. */
  readonly instead?: string;
  readonly versionMin?: readonly [number, number];
  /** How it says its version, where not by --version; "" where it says none. */
  readonly versionFlag?: string;
}

const components: readonly Component[] = [
  { name: "crun", package: "crun", severity: "error", lack: "no container can start", instead: "runc", versionMin: [1, 4] },
  { name: "conmon", package: "conmon", severity: "error", lack: "no container can start", versionMin: [2, 1] },
  { name: "netavark", package: "netavark", severity: "error", lack: "containers start only with --network host or none", versionMin: [1, 0] },
  { name: "aardvark-dns", package: "aardvark-dns", severity: "warning", lack: "containers do not find each other by name", versionMin: [1, 0] },
  { name: "nft", package: "nftables", severity: "error", for: "root", lack: "netavark cannot write firewall rules", instead: "iptables" },
  { name: "catatonit", package: "catatonit", severity: "warning", lack: "run --init fails" },
  { name: "nsenter", package: "util-linux", severity: "error", lack: "namespaces cannot be entered" },
  { name: "unshare", package: "util-linux", severity: "error", lack: "user namespaces cannot be made" },
  { name: "ip", package: "iproute2", severity: "warning", for: "user", lack: "networks of an ordinary user cannot be made", versionFlag: "-Version" },
  { name: "pasta", package: "passt", severity: "error", for: "user", lack: "an ordinary user's containers have no network", instead: "slirp4netns" },
  { name: "gpg", package: "gpg", severity: "warning", lack: "signatures by GPG can be neither made nor checked" },
];

const placesOf = (host: Host): readonly string[] => [...(host.conf.engine.helper_binaries_dir ?? []), ...programPlaces];

function missing({ host }: Scene, { name, package: debian, lack, instead }: Component): Looked {
  if (findProgram(name, placesOf(host)) || (instead !== undefined && findProgram(instead, placesOf(host))) || notExecutable(host, name)) return undefined;
  return { evidence: `${name} is not in PATH or the usual places: ${lack}`, next: `apt-get install ${debian}` };
}

/** A file of that name where the program should be, that may not be executed. */
function notExecutable(host: Host, name: string): string | undefined {
  if (findProgram(name, placesOf(host))) return undefined;
  return [...(process.env.PATH ?? "").split(":"), ...placesOf(host)].filter(place => place.startsWith("/")).map(place => `${place}/${name}`)
    .find(path => statSync(path, { throwIfNoEntry: false }) !== undefined);
}

const applies = ({ isUser }: Scene, component: Component): boolean => component.for === undefined || (component.for === "user") === isUser;

function blocked(scene: Scene): Looked {
  const found = [...components.filter(one => applies(scene, one)).map(({ name }) => name), ...(scene.isUser ? ["newuidmap", "newgidmap"] : [])];
  return found.flatMap(name => notExecutable(scene.host, name) ?? [])
    .map(path => ({ evidence: `${path} is there, but nobody may execute it`, next: `chmod 755 ${path}` }));
}

const flagOf = ({ versionFlag = "--version" }: Component): string => versionFlag;
const versionPattern = /(\d+)\.(\d+)(?:\.\d+)?/;

interface Said {
  readonly path: string;
  readonly status: number;
  readonly text: string;
}

function ask(host: Host, component: Component): Said | undefined {
  const path = component.name === "conmon" && host.conf.engine.conmon_path ? conmonPath(host) : findProgram(component.name, placesOf(host));
  if (path === undefined) return undefined;
  try {
    const { status, text, complaint } = spawnSync([path, flagOf(component)], { timeoutMs: 5000, outputBytesMax: 64 * 1024 });
    return { path, status, text: `${text()}\n${complaint()}`.trim() };
  } catch (thrown) {
    return { path, status: 127, text: (thrown as Error).message };
  }
}

function broken(scene: Scene): Looked {
  return components.filter(one => applies(scene, one)).flatMap((component): Finding[] => {
    const said = ask(scene.host, component);
    if (said === undefined || said.status === 0) return [];
    return [{ evidence: `${said.path} ${flagOf(component)} ends with status ${said.status}: ${said.text.split("\n")[0]!.slice(0, 200)}`, next: `apt-get install --reinstall ${component.package}` }];
  });
}

function old(scene: Scene): Looked {
  return components.filter(one => applies(scene, one) && one.versionMin).flatMap((component): Finding[] => {
    const said = ask(scene.host, component);
    const [text, major, minor] = versionPattern.exec(said?.text ?? "") ?? [];
    if (said?.status !== 0 || text === undefined) return [];
    const [wantedMajor, wantedMinor] = component.versionMin!;
    if (Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor)) return [];
    return [{ evidence: `${said.path} is version ${text}; at least ${wantedMajor}.${wantedMinor} is needed`, next: `apt-get install --only-upgrade ${component.package}` }];
  });
}

/** What containers.conf names and is not there. */
function namedInConf({ host }: Scene): Looked {
  const { engine } = host.conf;
  const lost = (engine.conmon_path ?? []).length > 0 && !(engine.conmon_path ?? []).some(path => findProgram(path)) && !findProgram("conmon") ? engine.conmon_path! : [];
  if (lost.length > 0) return { evidence: `conmon_path of containers.conf: ${lost.join(", ")}: no such program`, next: "take conmon_path out of containers.conf, or install conmon there" };
  if (engine.runtime === undefined && host.options.runtime === undefined) return undefined;
  try {
    runtimeOf(host);
    return undefined;
  } catch (thrown) {
    return { evidence: `the runtime ${JSON.stringify(runtimeName(host))} that was chosen: ${(thrown as Error).message}`, next: "choose crun or runc as runtime in containers.conf" };
  }
}

function helpersElsewhere({ host }: Scene): Looked {
  const places = host.conf.engine.helper_binaries_dir ?? [];
  if (places.length === 0 || places.some(place => findProgram(`${place}/netavark`))) return undefined;
  return { evidence: `helper_binaries_dir of containers.conf is ${places.join(", ")}, and netavark is in none of them`, next: "take helper_binaries_dir out of containers.conf, or add the directory that has netavark" };
}

function criuWorks(): Looked {
  const criu = findCriu();
  if (criu === undefined) return undefined;
  const { status, text, complaint } = spawnSync([criu.path, "--version"], { timeoutMs: 10_000 });
  return status === 0 ? undefined : { evidence: `${criu.path} --version ends with status ${status}: ${(complaint() || text()).split("\n")[0]!.slice(0, 200)}`, next: "podman system setup criu --force" };
}

function canCheckpoint({ host }: Scene): Looked {
  const runtime = runtimeOf(host);
  if (!runtime.name.includes("crun") || privateCrun() || hasCriu(runtime.path)) return undefined;
  return { evidence: `${runtime.path} was built without CRIU`, next: "podman system setup criu" };
}

export const componentChecks: readonly Check[] = [
  { code: "component.not-executable", severity: "error", holds: "programs may be executed", needs: configured, look: blocked },
  ...components.map((component): Check => ({
    code: `component.no-${component.name}`, severity: component.severity, holds: `${component.name} is installed`, needs: configured,
    ...(component.for ? { for: component.for } : {}), look: scene => missing(scene, component),
  })),
  { code: "component.broken", severity: "error", holds: "programs run", needs: configured, look: broken },
  { code: "component.too-old", severity: "error", holds: "programs are new enough", needs: configured, look: old },
  { code: "component.conf-names-none", severity: "error", holds: "containers.conf names programs that are there", needs: [...configured, "component.no-crun", "component.no-conmon"], look: namedInConf },
  { code: "component.helpers-elsewhere", severity: "error", holds: "helper_binaries_dir has the helpers", needs: [...configured, "component.no-netavark"], look: helpersElsewhere },
  {
    code: "criu.missing", severity: "warning", holds: "criu is there for checkpoints", for: "root",
    look: () => findCriu() ? undefined : { evidence: "no criu in PATH or of our own: checkpoint, restore and fork fail", next: "podman system setup criu" },
  },
  { code: "criu.broken", severity: "warning", holds: "criu runs", for: "root", look: criuWorks },
  { code: "criu.no-runtime", severity: "warning", holds: "a runtime can checkpoint", for: "root", needs: [...configured, "component.not-executable", "component.no-crun", "component.broken", "component.conf-names-none", "criu.missing"], look: canCheckpoint },
];
