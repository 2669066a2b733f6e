// buildah add: files, directories, archives and downloads into a working container.
// Source: buildah-add(1).

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { files } from "../../cli/complete.ts";
import { list, text, toggle, type Values } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import type { Host } from "../../engine/host.ts";
import { createWorking } from "../../engine/working/create.ts";
import { withWorkingRoot } from "../../engine/working/mount.ts";
import { changeWorking, findWorking, getWorking, type WorkingContainer } from "../../engine/working/records.ts";
import { removeWorking } from "../../engine/working/remove.ts";
import type { ImageSystem } from "../../image/system.ts";
import { refuse } from "../container/written/refuse.ts";
import { progressOf, retriesOf } from "../pulling.ts";
import { verb, type Invocation } from "../verb.ts";
import { blobCache } from "../shared-flags.ts";
import { addInto, type Adding } from "./adding.ts";
import { emptyEntry, wantsHistory } from "./config-changes.ts";
import { inFront, refuseLateOptions, workingNames } from "./operands.ts";
import { decryptionKey, registryFlags, retryFlags, systemOf } from "./registry-flags.ts";

export const addFlags = {
  ...registryFlags,
  ...retryFlags,
  addHistory: toggle({ help: "add an entry for this operation to the image's history.  Use BUILDAH_HISTORY environment variable to override. (default false)" }),
  authfile: { ...registryFlags.authfile, hidden: true },
  blobCache,
  checksum: text({ help: "checksum the HTTP source content" }),
  chmod: text({ help: "set the access permissions of the destination content" }),
  chown: text({ help: "set the user and group ownership of the destination content" }),
  contextdir: text({ help: "context directory path", complete: files }),
  creds: { ...registryFlags.creds, hidden: true },
  decryptionKey: { ...decryptionKey, hidden: true },
  exclude: list({ help: "exclude pattern when copying files" }),
  from: text({ help: "use the specified container's or image's root directory as the source root directory" }),
  ignorefile: text({ help: "path to .containerignore file", complete: files }),
  link: toggle({ help: "enable layer caching for this operation (creates an independent layer)" }),
  quiet: toggle({ short: "q", help: "don't output a digest of the newly-added/copied content" }),
  removeSignatures: toggle({ help: "don't copy signatures when pulling image", hidden: true }),
  timestamp: text({ value: "seconds", help: "set timestamps on new content to seconds after the epoch" }),
} as const;

export default verb({
  usage: "[flags] CONTAINER SOURCE [SOURCE...] [DESTINATION]",
  about: "\n  Adds the contents of a file, URL, or directory to a container's working\n  directory.  If a local file appears to be an archive, its contents are\n  extracted and added instead of the archive file itself.",
  operands: atLeast(1, workingNames),
  interspersed: false,
  flags: addFlags,
  examples: ["buildah add containerID '/myapp/app.conf'", "buildah add containerID 'app.conf' '/myapp/app.conf'", "buildah add containerID 'app.conf' 'drop-in.conf' '/myapp/app.conf.d/'"],
  run: (call) => addFor("ADD", call, false),
});

interface Line {
  readonly context: Invocation;
  readonly flags: Values<typeof addFlags>;
  readonly given: ReadonlySet<string>;
  readonly operands: readonly string[];
}

export async function addFor(word: "ADD" | "COPY", line: Line, parents: boolean): Promise<void> {
  const { context, flags: asked, given, operands } = line;
  const [name = "", ...words] = operands;
  if (words.length === 0) throw refuse("src must be specified");
  refuseLateOptions(words);
  if (asked.ignorefile && !asked.contextdir) throw refuse("--ignorefile option requires that you specify a context dir using --contextdir");
  const system = systemOf(context, asked, given);
  const [sources, destination] = words.length > 1 ? [words.slice(0, -1), words.at(-1)!] : [words, ""];
  const record = recordNamed(context, name);
  const adding: Adding = {
    sources, destination, parents, unpack: word === "ADD", excludes: asked.exclude, web: webOf(line),
    ...(asked.chown === undefined ? {} : { chown: asked.chown }),
    ...(asked.chmod === undefined ? {} : { chmod: asked.chmod }),
    ...(asked.checksum ? { checksum: asked.checksum } : {}),
    ...(asked.contextdir ? { contextDirectory: asked.contextdir } : {}),
    ...(asked.ignorefile ? { ignoreFile: asked.ignorefile } : {}),
    ...(asked.timestamp ? { seconds: readSeconds(asked.timestamp) } : {}),
  };
  const into = asked.link ? newLink(context.host, record) : undefined;
  const place = into === undefined ? {} : { into };
  const adds = (from: string | undefined) => addInto(context.host, record, { ...adding, ...place, ...(from === undefined ? {} : { from }) });
  const summary = await withSource(line, system, adds).catch((thrown: unknown) => {
    if (into !== undefined) rmSync(into, { recursive: true, force: true });
    throw inFront(`adding content to container ${JSON.stringify(record.name)}`, thrown);
  });
  if (into !== undefined) {
    const link = { directory: into, createdBy: `/bin/sh -c #(nop) ${word} --link ${summary} in ${destination || "."}` };
    changeWorking(context.host, record.id, before => ({ ...before, links: [...(before.links ?? []), link] }));
  }
  if (!asked.quiet) context.out(summary.slice(summary.indexOf(":") + 1));
  if (!wantsHistory(asked, given)) return;
  changeWorking(context.host, record.id, before => ({ ...before, prepended: [...(before.prepended ?? []), emptyEntry(`/bin/sh -c #(nop) ${word} ${summary}`)] }));
}

/** Where a layer of its own is kept until the commit; it goes with the container. */
function newLink(host: Host, { id }: WorkingContainer): string {
  const base = `${host.paths.staticDir(id)}/links`;
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const directory = mkdtempSync(`${base}/`);
  chmodSync(directory, 0o755);
  return directory;
}

function recordNamed({ host }: Invocation, name: string): WorkingContainer {
  try {
    return getWorking(host, name);
  } catch (thrown) {
    throw inFront(`reading build container ${JSON.stringify(name)}`, thrown);
  }
}

function readSeconds(written: string): number {
  if (/^-?\d{1,15}$/.test(written)) return Number(written);
  throw refuse(`parsing timestamp value ${JSON.stringify(written)}: strconv.ParseInt: parsing ${JSON.stringify(written)}: invalid syntax`);
}

function webOf(line: Line): Adding["web"] {
  const { flags: asked, given } = line;
  return {
    ...(asked.certDir ? { certDir: asked.certDir } : {}),
    insecure: given.has("tlsVerify") && !asked.tlsVerify,
    retries: retriesOf(line),
  };
}

/** With the root that --from names: a working container's, or a throw-away one's over an image. */
async function withSource<T>({ context: { host }, context, flags: asked }: Line, system: ImageSystem, act: (root: string | undefined) => Promise<T>): Promise<T> {
  if (!asked.from) return act(undefined);
  const known = findWorking(host, asked.from);
  const source = known ?? await createWorking(host, {
    image: asked.from, format: "oci", pull: { system, policy: "missing", onProgress: progressOf(context, asked.quiet) },
  }).catch((thrown: unknown) => {
    throw inFront(`no container named ${JSON.stringify(asked.from)}, error copying content from image ${JSON.stringify(asked.from)}`, thrown);
  });
  try {
    return await withWorkingRoot(host, source.id, act);
  } finally {
    if (known === undefined) await removeWorking(host, source);
  }
}
