// system setup criu: a criu (and a crun with it) that works here. The host's own where it passes, else a private folder.

import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import { lockFile } from "../../kernel/locks.ts";
import { findCriu, criuFolder, criuVersion, type Criu } from "../../runtime/criu.ts";
import { hasCriu, privateCrun } from "../../runtime/checkpointing.ts";
import type { Host } from "../host.ts";
import { unpackPackages } from "./apt.ts";
import { selfTest } from "./self-test.ts";

export interface CriuSetup {
  readonly path: string;
  readonly version: string;
  /** Whether something was fetched now. */
  readonly isNew: boolean;
  /** Which program checkpoints crun's containers; absent: only runc's can be. */
  readonly crun?: string;
}

export interface SetUpCriu {
  /** Debian suites to try, in this order; default testing, then unstable. */
  readonly suites?: readonly string[];
  /** Fetches even where there is one that works. */
  readonly force?: boolean;
  readonly onStep?: (sentence: string) => void;
}

const suitesDefault = ["testing", "unstable"];

/** The program and every library it loads, beside each other, with a few lines of shell that start it by its own loader. */
interface Wrapped {
  readonly name: string;
  readonly program: string;
  /** Loaded while it runs. */
  readonly also?: readonly string[];
}

function loaderIn(tree: string): string {
  for (const folder of readdirSync(`${tree}/usr/lib`)) {
    const found = existsSync(`${tree}/usr/lib/${folder}`) && folder.includes("-linux-")
      ? readdirSync(`${tree}/usr/lib/${folder}`).find(name => /^ld-linux.*\.so\.\d+$/.test(name)) : undefined;
    if (found) return `${tree}/usr/lib/${folder}/${found}`;
  }
  throw new Fault("component.failed", "cannot set up criu: the unpacked packages hold no loader");
}

function librariesOf(loader: string, program: string): string[] {
  const folder = loader.slice(0, loader.lastIndexOf("/"));
  const listed = spawnSync([loader, "--library-path", folder, "--list", program]);
  if (listed.status !== 0) throw new Fault("component.failed", `cannot set up criu: ${listed.complaint() || "its libraries cannot be listed"}`);
  return listed.text().split("\n").flatMap(line => /=> (\/\S+)/.exec(line)?.[1] ?? []);
}

function install(tree: string, target: string, wrapped: readonly Wrapped[]): void {
  const loader = loaderIn(tree);
  const folder = loader.slice(0, loader.lastIndexOf("/"));
  for (const name of ["bin", "lib", "libexec"]) mkdirSync(`${target}/${name}`, { recursive: true, mode: 0o755 });
  const loaderName = loader.slice(loader.lastIndexOf("/") + 1);
  copyFileSync(loader, `${target}/lib/${loaderName}`);
  chmodSync(`${target}/lib/${loaderName}`, 0o755);
  for (const { name, program, also = [] } of wrapped) {
    const own = also.map(library => `${folder}/${library}`);
    for (const library of new Set([...own, ...[`${tree}/${program}`, ...own].flatMap(path => librariesOf(loader, path))])) {
      copyFileSync(library, `${target}/lib/${library.slice(library.lastIndexOf("/") + 1)}`);
    }
    copyFileSync(`${tree}/${program}`, `${target}/libexec/${name}`);
    chmodSync(`${target}/libexec/${name}`, 0o755);
    const lib = `${criuFolder}/lib`;
    writeFileSync(`${target}/bin/${name}`, `#!/bin/sh\nexec ${lib}/${loaderName} --library-path ${lib} --argv0 ${name} ${criuFolder}/libexec/${name} "$@"\n`, { mode: 0o755 });
  }
}

async function fetchFrom(suite: string, onStep: NonNullable<SetUpCriu["onStep"]>): Promise<string | undefined> {
  const above = criuFolder.slice(0, criuFolder.lastIndexOf("/"));
  const work = mkdtempSync(`${above}/.criu-`);
  chmodSync(work, 0o755);
  const before = `${work}/before`;
  try {
    onStep(`fetching criu and crun of Debian ${suite} into ${criuFolder}`);
    const tree = unpackPackages(work, suite, ["criu", "crun", "libcriu2"]);
    install(tree, `${work}/new`, [{ name: "criu", program: "usr/sbin/criu" }, { name: "crun", program: "usr/bin/crun", also: ["libcriu.so.2"] }]);
    if (existsSync(criuFolder)) renameSync(criuFolder, before);
    renameSync(`${work}/new`, criuFolder);
    const failure = await selfTest({ path: `${criuFolder}/bin/criu`, isPrivate: true });
    if (failure === undefined) return undefined;
    renameSync(criuFolder, `${work}/new`);
    if (existsSync(before)) renameSync(before, criuFolder);
    return failure;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function done(criu: Criu, isNew: boolean): CriuSetup {
  const host = findProgram("crun");
  const crun = host !== undefined && hasCriu(host) ? host : privateCrun()?.path;
  return { path: criu.path, version: criuVersion(criu).text, isNew, ...(crun === undefined ? {} : { crun }) };
}

/** Whether all is there: criu, and a crun that has it or no crun at all. */
async function isReady(criu: Criu, failures: string[]): Promise<boolean> {
  const failure = await selfTest(criu);
  if (failure !== undefined) failures.push(`${criu.path}: ${failure}`);
  const crun = findProgram("crun");
  return failure === undefined && (crun === undefined || hasCriu(crun) || privateCrun() !== undefined);
}

/** @throws Fault "checkpoint.failed" where none works, with what each lacked; "component.missing" without apt */
export async function setUpCriu(host: Host, { suites = suitesDefault, force = false, onStep = () => {} }: SetUpCriu = {}): Promise<CriuSetup> {
  if (host.rootless) throw new Fault("system.denied", "cannot set up criu as an ordinary user", { hint: "run it as root" });
  mkdirSync(criuFolder.slice(0, criuFolder.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  using _lock = lockFile(`${criuFolder.slice(0, criuFolder.lastIndexOf("/"))}/.criu.lock`, { exclusive: true, wait: true });
  const failures: string[] = [];
  const here = findCriu();
  if (here && !force && await isReady(here, failures)) return done(here, false);
  if (!findProgram("apt-get")) {
    throw new Fault("component.missing", `cannot set up criu: ${failures[0] ?? "there is none"}, and this machine has no apt to fetch another with`, { hint: "install a criu that works with this kernel by hand" });
  }
  for (const suite of suites) {
    const failure = await fetchFrom(suite, onStep);
    if (failure === undefined) return done({ path: `${criuFolder}/bin/criu`, isPrivate: true }, true);
    failures.push(`criu of Debian ${suite}: ${failure}`);
  }
  throw new Fault("checkpoint.failed", `cannot set up criu: ${failures.join("; ")}`, { hint: "checkpoints need root with all capabilities, in a mount namespace whose root is / (no chroot)" });
}
