// RUN --mount made real: trees of contexts, stages and images, caches that stay, secrets that do not, an SSH agent.
// Source: Dockerfile reference, "RUN --mount"; buildah-build(1), "--secret", "--ssh".

import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { MountSpec } from "../base/container-spec.ts";
import { digestOf, hexOf } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Excluding } from "../engine/steps/copy-source.ts";
import { lockCache } from "../engine/steps/cache-directory.ts";
import { resolveInTree } from "../engine/steps/tree.ts";
import { randomId } from "../engine/containers/names.ts";
import type { BuildRequest, BuildSsh } from "./request.ts";
import type { RunMount } from "./run-mount.ts";
import { joined } from "./stage-config.ts";

/** A tree that sources are taken from. */
export interface Tree {
  readonly path: string;
  readonly isStage?: boolean;
  /** Of a stage's or image's tree: what it is by digest. */
  readonly identity?: string;
  readonly exclude?: Excluding;
  /** Of a stage that did not come from the cache as a whole. */
  readonly isFresh?: boolean;
}

export interface Mounting {
  readonly request: BuildRequest;
  readonly runroot: string;
  readonly storeRoot: string;
  readonly workdir: string;
  /** Mounted; absent where nothing is mounted yet. */
  readonly root?: string;
  /** Steps are confined by SELinux, and may read what has a label for containers. */
  readonly isLabelled: boolean;
  /** @param from undefined is the context */
  treeOf(from: string | undefined): Promise<Tree>;
}

export interface StepMounts extends Disposable {
  readonly specs: readonly MountSpec[];
  readonly env: readonly string[];
  /** A file that runs by itself, and how it is called. */
  script(content: string): { argv: string[]; mounts: MountSpec[] };
}

class Making implements StepMounts {
  readonly specs: MountSpec[] = [];
  readonly env: string[] = [];
  readonly #undo: (() => void)[] = [];
  readonly #directory: string;
  #files = 0;

  constructor(runroot: string) {
    this.#directory = `${runroot}/build-${randomId().slice(0, 16)}`;
  }

  undo(act: () => void): void {
    this.#undo.push(act);
  }

  /** A path that nothing is at yet. */
  place(): string {
    mkdirSync(this.#directory, { recursive: true, mode: 0o711 });
    return `${this.#directory}/${this.#files++}`;
  }

  /** In memory, for our eyes and the step's only. */
  file(content: Uint8Array | string, how: { mode: number; uid: number; gid: number }): string {
    const path = this.place();
    writeFileSync(path, content, { mode: 0o600 });
    chownSync(path, how.uid, how.gid);
    chmodSync(path, how.mode);
    return path;
  }

  script(content: string): { argv: string[]; mounts: MountSpec[] } {
    const source = this.file(content, { mode: 0o755, uid: 0, gid: 0 });
    const target = `/dev/pipes/heredoc${this.#files}`;
    const program = /^#!\s*(.*)/.exec(content)![1]!.trim();
    return { argv: [...program.split(/\s+/), target], mounts: [{ kind: "bind", source, target, relabel: "shared", options: ["bind", "rprivate"], readOnly: true }] };
  }

  [Symbol.dispose](): void {
    for (const act of this.#undo.reverse()) act();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** @throws Fault "build.failed" for a secret that is required and missing, "system.not-found" for a source */
export async function mountsFor(mounts: readonly RunMount[], mounting: Mounting): Promise<StepMounts> {
  const making = new Making(mounting.runroot);
  try {
    let agents = 0;
    for (const mount of mounts) {
      if (mount.type === "bind") making.specs.push(await bind(mount, mounting));
      else if (mount.type === "cache") making.specs.push(await cache(mount, mounting, making));
      else if (mount.type === "tmpfs") making.specs.push(memory(mount, mounting));
      else if (mount.type === "secret") secret(mount, mounting, making);
      else await ssh(mount, mounting, { making, index: agents++ });
    }
    return making;
  } catch (thrown) {
    making[Symbol.dispose]();
    throw thrown;
  }
}

function targetOf({ target, type }: RunMount, { workdir }: Mounting): string {
  if (target === undefined) throw new Fault("usage.invalid", `missing target: ${type} mounts need target=PATH`);
  return target.startsWith("/") ? joined(target) : joined(workdir, target);
}

async function bind(mount: RunMount, mounting: Mounting): Promise<MountSpec> {
  const tree = await mounting.treeOf(mount.from);
  const source = resolveInTree(tree.path, mount.source ?? ".");
  if (source === undefined) {
    throw new Fault("system.not-found", `cannot mount ${JSON.stringify(mount.source ?? ".")}: no such file or directory in ${mount.from === undefined ? "the build context" : JSON.stringify(mount.from)}`);
  }
  const isWritable = mount.readOnly === false;
  const isDirectory = statSync(source).isDirectory();
  const common = { kind: "bind" as const, source, target: targetOf(mount, mounting), ...(mount.relabel ? { relabel: mount.relabel } : {}) };
  // What is written goes with the step.
  if (isWritable && isDirectory) return { ...common, overlay: true, options: [], readOnly: false };
  // Shown through an overlay a person's files have a label that the step may read, and keep their own.
  if (mounting.isLabelled && isDirectory && !tree.isStage && !mount.relabel) return { ...common, overlay: true, options: [], readOnly: true };
  return { ...common, options: [...mount.options.filter(option => !/^[zZU]$/.test(option)), "rbind", "rprivate"], readOnly: !isWritable };
}

async function cache(mount: RunMount, mounting: Mounting, making: Making): Promise<MountSpec> {
  // Of another tree: what is written goes with the step.
  if (mount.from !== undefined) return bind({ ...mount, readOnly: false }, mounting);
  const target = targetOf(mount, mounting);
  const id = hexOf(digestOf(Buffer.from(mount.id ?? target)));
  const directory = `${mounting.storeRoot}/build-cache/${id.slice(0, 32)}${mount.sharing === "private" ? `-${randomId().slice(0, 12)}` : ""}`;
  if (!existsSync(directory)) makeCache(mount, directory);
  if (mount.sharing === "locked") {
    const unlock = await lockCache(`${directory}.lock`);
    making.undo(unlock);
  }
  if (mount.sharing === "private") making.undo(() => rmSync(directory, { recursive: true, force: true }));
  const source = resolveInTree(directory, mount.source ?? ".");
  if (source === undefined) throw new Fault("system.not-found", `cannot mount ${JSON.stringify(mount.source)} of a cache: no such file or directory`);
  return { kind: "bind", source, target, relabel: "shared", options: ["rbind", "rprivate", ...mount.options.filter(option => option.startsWith("no"))], readOnly: mount.readOnly ?? false };
}

function makeCache(mount: RunMount, directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  chownSync(directory, mount.uid ?? 0, mount.gid ?? 0);
  chmodSync(directory, mount.mode ?? 0o755);
}

function memory(mount: RunMount, mounting: Mounting): MountSpec {
  const options = [
    ...mount.options,
    ...(mount.size ? [`size=${mount.size}`] : []),
    ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
  ];
  return { kind: "tmpfs", source: "tmpfs", target: targetOf(mount, mounting), options, ...(mount.readOnly ? { readOnly: true } : {}) };
}

function secret(mount: RunMount, mounting: Mounting, making: Making): void {
  const id = mount.id ?? mount.target?.split("/").at(-1);
  if (id === undefined) throw new Fault("usage.invalid", "secret mounts need id=NAME or target=PATH");
  const found = mounting.request.secrets.get(id);
  if (found === undefined) {
    if (!mount.required) return;
    throw new Fault("build.failed", `secret required but no secret with id ${JSON.stringify(id)} found`, { hint: `pass it with --secret id=${id},src=FILE` });
  }
  const content = found.read();
  if (mount.env !== undefined) making.env.push(`${mount.env}=${new TextDecoder().decode(content)}`);
  if (mount.env !== undefined && mount.target === undefined) return;
  const target = mount.target === undefined ? `/run/secrets/${id}` : targetOf(mount, mounting);
  const source = making.file(content, { mode: mount.mode ?? 0o400, uid: mount.uid ?? 0, gid: mount.gid ?? 0 });
  making.specs.push({ kind: "bind", source, target, relabel: "shared", options: ["bind", "rprivate"], readOnly: true });
}

async function ssh(mount: RunMount, mounting: Mounting, { making, index }: { making: Making; index: number }): Promise<void> {
  const id = mount.id ?? "default";
  const found = mounting.request.ssh.get(id);
  if (found === undefined) {
    if (!mount.required) return;
    throw new Fault("build.failed", `ssh required but no ssh with id ${JSON.stringify(id)} found`, { hint: `pass it with --ssh ${id}=SOCKET` });
  }
  const source = await socketOf(found, making);
  const target = mount.target === undefined ? `/run/buildkit/ssh_agent.${index}` : targetOf(mount, mounting);
  making.specs.push({ kind: "bind", source, target, options: ["bind", "rprivate"] });
  making.env.push(`SSH_AUTH_SOCK=${target}`);
}

async function socketOf({ id, paths }: BuildSsh, making: Making): Promise<string> {
  const [path = process.env["SSH_AUTH_SOCK"]] = paths;
  if (!path) throw new Fault("build.failed", `cannot forward ssh ${JSON.stringify(id)}: no agent runs`, { hint: "start one with: eval $(ssh-agent)" });
  if (paths.length < 2 && statSync(path, { throwIfNoEntry: false })?.isSocket()) return path;
  const { agentFor } = await import("./ssh-agent.ts");
  const socket = making.place();
  making.undo(await agentFor(paths.length === 0 ? [path] : paths, socket));
  return socket;
}
