// What lies elsewhere, brought here: git repositories, files and archives of the web, archives from standard input.
// Source: buildah-build(1), "CONTEXT"; Dockerfile reference, "ADD".

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { splitUserinfo, type SplitAddress } from "../base/address.ts";
import { hexOf, newHasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { needProgram, spawnSync } from "../base/spawn.ts";
import { isArchive } from "../engine/steps/copy-archive.ts";
import { copyIntoRoot } from "../engine/steps/copy.ts";
import { resolveInTree } from "../engine/steps/tree.ts";
import { fetchToFile, type WebFileOptions } from "../image/web-file.ts";
import type { CopyFlags, Fetched } from "./copy-step.ts";
import { isGitSource } from "./git-source.ts";

let made = 0;
const fresh = (scratch: string): string => {
  const directory = `${scratch}/remote-${process.pid}-${made++}`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
};

/** URL#REF:SUBDIRECTORY; the directory inside. @throws Fault "component.failed" with git's own words */
export function cloneGit(written: string, directory: string, { keepGitDir = true } = {}): string {
  const [repository = "", fragment = ""] = written.split("#");
  const [ref = "", ...rest] = fragment.split(":");
  const git = needProgram("git", "git");
  const asked = splitUserinfo(repository);
  const env = { ...process.env, GIT_TERMINAL_PROMPT: "0", ...(asked ? identity(asked) : {}) };
  for (const args of [["init", "-q", directory], ["-C", directory, "remote", "add", "origin", asked?.address ?? repository],
    ["-C", directory, "fetch", "-q", "-u", "--depth=1", "origin", "--", ...(ref === "" ? ["HEAD"] : [ref])], ["-C", directory, "checkout", "-q", "FETCH_HEAD"]]) {
    const done = spawnSync([git, ...args], { env });
    if (done.status === 0) continue;
    const step = args.find(word => ["init", "remote", "fetch", "checkout"].includes(word))!;
    throw new Fault("component.failed", `cloning ${JSON.stringify(written)}:\n${done.complaint()}: failed while performing \`git ${step}\`: exit status ${done.status}`, { exit: 125 });
  }
  if (!keepGitDir) rmSync(`${directory}/.git`, { recursive: true, force: true });
  const inside = rest.length === 0 ? directory : resolveInTree(directory, rest.join(":"));
  if (inside === undefined) throw new Fault("system.not-found", `cannot use ${JSON.stringify(written)}: it has no directory ${JSON.stringify(rest.join(":"))}`);
  return inside;
}

/** By the environment, as a list of arguments can be read by everybody. Source: git-config(1), "GIT_CONFIG_COUNT"; gitcredentials(7). */
function identity({ name, password }: SplitAddress): Record<string, string> {
  const helper = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$CORACLE_GIT_NAME" "$CORACLE_GIT_PASSWORD"; }; f';
  const settings = [["credential.helper", ""], ["credential.helper", helper]];
  const given = settings.flatMap(([key, value], index) => [[`GIT_CONFIG_KEY_${index}`, key], [`GIT_CONFIG_VALUE_${index}`, value]]);
  return { ...Object.fromEntries(given), GIT_CONFIG_COUNT: String(settings.length), CORACLE_GIT_NAME: name, CORACLE_GIT_PASSWORD: password };
}

const baseOf = (address: string): string => decodeURIComponent(new URL(address).pathname.split("/").filter(Boolean).at(-1) ?? "index");

/** A source of ADD. */
export async function bringSource(source: string, flags: CopyFlags, { scratch, web }: { scratch: string; web: WebFileOptions }): Promise<Fetched> {
  const directory = fresh(scratch);
  if (isGitSource(source)) {
    const tree = cloneGit(source, directory, { keepGitDir: flags.keepGitDir });
    return { directory: tree, source: ".", unpack: false, isTree: true };
  }
  if (flags.keepGitDir) throw new Fault("usage.invalid", "--keep-git-dir is for git sources only");
  const name = baseOf(source);
  const path = `${directory}/${name}`;
  const { modified } = await fetchToFile(source, path, web);
  if (flags.checksum !== undefined) checkDigest(path, flags.checksum, source);
  chmodSync(path, 0o600);
  utimesSync(path, modified ?? 0, modified ?? 0);
  return { directory, source: name.replace(/[*?[\\]/g, "\\$&"), unpack: flags.unpack ?? false, isTree: false };
}

function checkDigest(path: string, checksum: string, source: string): void {
  const [, algorithm = "", hex = ""] = /^(sha256|sha384|sha512):([0-9a-f]+)$/.exec(checksum) ?? [];
  if (hex === "") throw new Fault("digest.malformed", `invalid checksum flag: invalid checksum digest format`, { hint: "write it as --checksum=sha256:HEX" });
  const hasher = newHasher(algorithm);
  hasher.update(readFileSync(path));
  const found = hexOf(hasher.digest());
  if (found !== hex) throw new Fault("digest.mismatch", `unexpected response digest for ${JSON.stringify(source)}: ${algorithm}:${found}, want ${checksum}`);
}

/** A context that is no directory of ours: repository, archive or lone Containerfile; the directory it is now. */
export async function bringContext(written: string, scratch: string, web: WebFileOptions): Promise<string> {
  const directory = fresh(scratch);
  if (isGitSource(written)) return cloneGit(written, directory);
  const isGithub = written.startsWith("github.com/");
  const address = isGithub ? `https://${written}/archive/master.tar.gz` : written;
  const file = `${scratch}/context-${made++}`;
  if (written === "-") writeFileSync(file, readFileSync(0), { mode: 0o600 });
  else {
    const { bytes } = await fetchToFile(address, file, web);
    if (bytes === 0) throw new Fault("input.malformed", `no contents in ${JSON.stringify(written)}`);
  }
  await openContext(file, directory);
  const below = isGithub ? `${directory}/${written.split("/").at(-1)}-master` : directory;
  return existsSync(below) ? below : directory;
}

/** An archive is unpacked; anything else is a Containerfile. */
async function openContext(file: string, directory: string): Promise<void> {
  const slash = file.lastIndexOf("/");
  const place = { tree: file.slice(0, slash), name: file.slice(slash + 1) };
  if (await isArchive(place.tree, place.name)) {
    await copyIntoRoot(directory, { tree: place.tree, sources: [place.name], destination: "/", unpack: true });
    rmSync(file, { force: true });
  } else renameSync(file, `${directory}/Dockerfile`);
}
