// This host's labels: from SELinux's libraries where they answer, else from the text files they are made of.
// Source: selinux(8), semanage.conf(5).

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { log } from "../../base/log.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import { getXattr } from "../../kernel/xattr.ts";
import { lookupType, readFileContexts, readSubstitutions, substitute } from "./file-contexts.ts";
import type { FileContext, LabelSource, PortRecord } from "./label-source.ts";
import { inPolicyOrder, readLocalPorts, readPortStatements } from "./policy-store.ts";

const fileBytesMax = 64 * 1024 * 1024;
const storeBytesMax = 256 * 1024 * 1024;

/** "targeted", "default", …: the policy that /etc/selinux/config names. */
export function policyName(): string {
  const found = /^\s*SELINUXTYPE\s*=\s*([A-Za-z0-9_.-]+)/m.exec(readQuietly("/etc/selinux/config"))?.[1];
  return found === undefined || found.startsWith(".") ? "targeted" : found;
}

/** @param places other roots of the two trees, for tests */
export async function hostLabels(places: Places = { etc: "/etc/selinux", store: "/var/lib/selinux" }): Promise<LabelSource> {
  const files = textLabels(places);
  return hasStore() ? withLibraries(files) : files;
}

export interface Places {
  readonly etc: string;
  readonly store: string;
}

/** Only root may open the store, and only a machine with SELinux has one that answers. */
const hasStore = (): boolean => existsSync("/sys/fs/selinux/enforce") && process.getuid?.() === 0;

async function withLibraries(files: LabelSource): Promise<LabelSource> {
  const libraries = await import("../../kernel/selinux-libraries.ts");
  return {
    fileContexts: once(() => orElse(() => libraries.listStoredContexts(), files.fileContexts)),
    lookup: path => orElse(() => libraries.lookupContext(path)?.split(":")[2], () => files.lookup(path)),
    actual: files.actual,
    ports: once(() => orElse(() => libraries.listStoredPorts(), files.ports)),
  };
}

function orElse<T>(first: () => T, second: () => T): T {
  try {
    return first();
  } catch (thrown) {
    log.debug(`SELinux's libraries do not answer (${(thrown as Error).message}); its text files are read`);
    return second();
  }
}

export function textLabels(places: Places): LabelSource {
  const folder = `${places.etc}/${policyName()}/contexts/files`;
  const contexts = once(() => ({
    policy: contextsIn(`${folder}/file_contexts`), local: contextsIn(`${folder}/file_contexts.local`), homes: contextsIn(`${folder}/file_contexts.homedirs`),
  }));
  const substitutions = once(() => [`${folder}/file_contexts.subs`, `${folder}/file_contexts.subs_dist`].map(path => readSubstitutions(readQuietly(path))));
  return {
    fileContexts: () => [...contexts().policy, ...contexts().local, ...contexts().homes],
    lookup(path) {
      const { policy, local, homes } = contexts();
      return lookupType([...policy, ...homes, ...local], substitute(path, substitutions()));
    },
    actual: actualType,
    ports: once(() => storePorts(`${places.store}/${policyName()}/active`)),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const contextsIn = (path: string): FileContext[] => readFileContexts(readQuietly(path));

/** "" for what is not there, may not be read, or is larger than any such file. */
function readQuietly(path: string): string {
  try {
    return statSync(path).size > fileBytesMax ? "" : readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The type a path has now, links followed; undefined where it is not there or has no label. */
export function actualType(path: string): string | undefined {
  try {
    const label = getXattr(realpathSync(path), "security.selinux");
    return label && Buffer.from(label).toString().replace(/\0$/, "").split(":")[2];
  } catch {
    return undefined;
  }
}

/** Port statements may stand in the base module, and in modules that were added on this machine. */
function storePorts(active: string): PortRecord[] {
  const local = readLocalPorts(readQuietly(`${active}/ports.local`));
  const files = listQuietly(`${active}/modules`).filter(name => /^\d+$/.test(name)).flatMap(priority =>
    listQuietly(`${active}/modules/${priority}`)
      .filter(name => priority !== "100" || name === "base")
      .map(name => `${active}/modules/${priority}/${name}/cil`)).filter(file => existsSync(file));
  return [...local, ...inPolicyOrder(files.flatMap(file => readPortStatements(moduleText(file))))];
}

function listQuietly(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

/** Modules are kept in CIL, mostly compressed. */
function moduleText(file: string): string {
  try {
    if (statSync(file).size > fileBytesMax) return "";
    const bytes = readFileSync(file);
    if (bytes[0] !== 0x42 || bytes[1] !== 0x5a) return bytes.toString();
    const program = findProgram("bzip2");
    if (program === undefined) log.warn("Ports of the policy are not known: its modules are compressed and the program bzip2 is not there");
    return program === undefined ? "" : spawnSync([program, "-dc"], { stdin: bytes, outputBytesMax: storeBytesMax }).text();
  } catch {
    return "";
  }
}
