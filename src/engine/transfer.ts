// An image from one local user's store to another's: saved by the one and loaded by the other, through a pipe.
// Source: podman-image-scp(1).

import { existsSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import { needProgram, spawn, spawnSync } from "../base/spawn.ts";
import { closeQuietly, pipe2 } from "../kernel/files.ts";
import { ownProgram } from "./rootless.ts";

/** Whose store; undefined: ours, as this command was called. */
export type StoreOwner = string | undefined;

export interface Transfer {
  /** The program's own options of this call, such as --root, which say which store is ours. */
  readonly globals: readonly string[];
  readonly image: string;
  readonly from: StoreOwner;
  readonly to: StoreOwner;
  /** A further name at the destination. */
  readonly tag?: string;
  /** No progress. */
  readonly quiet: boolean;
}

interface Account {
  readonly uid: number;
  readonly home: string;
}

/** @throws Fault "usage.invalid" for a user this machine does not have */
function accountOf(user: string): Account {
  const [, , uid, , , home] = spawnSync([needProgram("getent", "libc-bin"), "passwd", "--", user]).text().trim().split(":");
  if (!uid || !home) throw new Fault("usage.invalid", `user: unknown user ${user}`, { hint: "name a user of this machine, as in: ann@localhost::" });
  return { uid: Number(uid), home };
}

/** Our program with the store of `owner`: root becomes the user, everybody else asks sudo. */
function commandOf({ globals }: Pick<Transfer, "globals">, owner: StoreOwner, words: readonly string[]): string[] {
  if (owner === undefined) return [...ownProgram(), ...globals, ...words];
  const { uid, home } = accountOf(owner);
  const runDirectory = `/run/user/${uid}`;
  const settings = [`HOME=${home}`, `PATH=${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`, ...(existsSync(runDirectory) ? [`XDG_RUNTIME_DIR=${runDirectory}`] : [])];
  const become = process.getuid?.() === 0 ? [needProgram("runuser", "util-linux"), "-u", owner, "--"] : [needProgram("sudo", "sudo"), "-u", owner, "--"];
  return [...become, needProgram("env", "coreutils"), "-i", ...settings, ...ownProgram(), ...words];
}

function ask(call: Transfer, owner: StoreOwner, words: readonly string[]): string {
  const { status, text, complaint } = spawnSync(commandOf(call, owner, words), { cwd: "/" });
  if (status === 0) return text().trim();
  throw new Fault("component.failed", complaint().split("\n")[0]!.replace(/^Error: /, "") || `cannot run podman ${words[0]} as ${owner ?? "this user"}: status ${status}`);
}

/** An OCI image keeps its digests that way; one of Docker's form goes as Docker's archive. */
const formatFor = (manifestType: string): string => (manifestType === mediaTypes.ociManifest ? "oci-archive" : "docker-archive");

/** Answers what was loaded: names, or "sha256:ID" where it has none. @throws Fault "component.failed" with what went wrong on either side */
export async function transferImage(call: Transfer): Promise<string[]> {
  const { image, from, to, tag, quiet } = call;
  if (to !== undefined) accountOf(to);
  const type = ask(call, from, ["image", "inspect", "--format", "{{.ManifestType}}", image]);
  const [readEnd, writeEnd] = pipe2();
  const save = spawn(commandOf(call, from, ["save", "-q", "--format", formatFor(type), image]), { stdio: ["ignore", writeEnd, "inherit"], cwd: "/" });
  const load = spawn(commandOf(call, to, ["load", ...(quiet ? ["-q"] : [])]), { stdio: [readEnd, "pipe", "inherit"], cwd: "/" });
  for (const end of [readEnd, writeEnd]) closeQuietly(end);
  const said = await readAll(load.stdout!);
  const [saved, loaded] = await Promise.all([save.exited, load.exited]);
  if (saved !== 0 || loaded !== 0) {
    throw new Fault("component.failed", `cannot copy image "${image}": ${saved !== 0 ? `saving it left with status ${saved}` : `loading it left with status ${loaded}`}`);
  }
  const names = [...said.matchAll(/^Loaded image: (.+)$/gm)].map(([, name]) => name!);
  if (tag !== undefined && names[0]) ask(call, to, ["tag", names[0].replace(/^sha256:/, ""), tag]);
  return tag === undefined ? names : [...names, tag];
}

const saidBytesMax = 1024 * 1024;

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stream) if (text.length < saidBytesMax) text += decoder.decode(piece, { stream: true });
  return text;
}
