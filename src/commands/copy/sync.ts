// skopeo sync: all images of a repository, a directory or a list, to a registry or a directory, again and again.

import { appendFileSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { text, toggle } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { exactly } from "../../cli/operands.ts";
import { copyImage } from "../../image/copy.ts";
import type { CopyOptions } from "../../image/copy.ts";
import { digestThere } from "../../image/presence.ts";
import { openSyncJournal } from "../../image/sync-journal.ts";
import type { SyncJournal } from "../../image/sync-journal.ts";
import { syncPlan } from "../../image/sync-plan.ts";
import type { SyncGroup, SyncImage, SyncSource } from "../../image/sync-plan.ts";
import type { ImageSystem } from "../../image/system.ts";
import { dockerReference, openSink, openSource } from "../../image/transport.ts";
import type { ImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { copyFlags, referrersWish, sharedOptions } from "./copy-flags.ts";
import { signerOf } from "../signing.ts";
import type { CopyFlags } from "./copy-flags.ts";
import { authfile, oldTlsVerify, registryFlags, retryFlags, sideSystem, worldOf } from "./sides.ts";
import { copyProgress } from "./progress.ts";
import type { SkopeoInvocation } from "./verb.ts";
import { verb } from "./verb.ts";
import { refuseManyWords } from "./words.ts";

interface OwnFlags extends CopyFlags {
  readonly all: boolean;
  readonly appendSuffix?: string;
  readonly dest?: string;
  readonly digestfile?: string;
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  readonly scoped: boolean;
  readonly src?: string;
}

export default verb({
  usage: "[command options] --src TRANSPORT --dest TRANSPORT SOURCE DESTINATION",
  about:
    "Copy all the images from a SOURCE to a DESTINATION.\n\n  Allowed SOURCE transports (specified with --src): docker, dir, yaml.\n" +
    "  Allowed DESTINATION transports (specified with --dest): docker, dir.\n\n  See skopeo-sync(1) for details.",
  operands: refuseManyWords(exactly(2), "Exactly two arguments expected"),
  flags: {
    authfile,
    tlsVerify: oldTlsVerify,
    ...registryFlags("src"),
    ...registryFlags("dest"),
    ...retryFlags,
    ...copyFlags,
    all: toggle({ short: "a", help: "Copy all images if SOURCE-IMAGE is a list" }),
    appendSuffix: text({ help: "String to append to DESTINATION tags" }),
    dest: text({ short: "d", help: "DESTINATION transport type", complete: () => ["docker", "dir"] }),
    digestfile: text({ help: "Write the digests and Image References of the resulting images to the specified file, separated by newlines", complete: files }),
    dryRun: toggle({ help: "Run without actually copying data" }),
    keepGoing: toggle({ help: "Do not abort the sync if any image copy fails" }),
    scoped: toggle({ help: "Images at DESTINATION are prefix using the full source image path as scope" }),
    src: text({ short: "s", help: "SOURCE transport type", complete: () => ["docker", "dir", "yaml"] }),
  },
  needs: "nothing",
  examples: ["skopeo sync --src docker --dest dir --scoped registry.example.com/busybox /media/usb"],
  async run(call) {
    const flags = call.flags as unknown as OwnFlags;
    const [from = "", to = ""] = call.operands;
    if (call.given.has("tlsVerify")) log.warn("'--tls-verify' is deprecated, instead use: --src-tls-verify, --dest-tls-verify");
    const policy = await call.context.policy();
    const source = sourceKind(flags.src);
    const target = targetKind(flags.dest);
    if (source === "dir" && target === "dir") {
      throw new Fault("usage.unsupported", "sync from 'dir' to 'dir' not implemented, consider using rsync instead");
    }
    const destination: ImageSystem = { ...sideSystem(call, "dest"), clients: new Map() };
    const plan = await syncPlan(source, from, { ...sideSystem(call, "src"), policy, clients: new Map() });
    if (flags.dryRun) log.warn("Running in dry-run mode");
    if (flags.digestfile && !flags.dryRun) writeFileSync(flags.digestfile, "");
    const journal = flags.dryRun ? undefined : openSyncJournal([source, from, target, to, process.cwd(), [...call.given].sort(), flags]);
    await syncAll(plan, { context: call.context, flags, to, target, destination, given: call.given, journal });
  },
});

function sourceKind(kind: string | undefined): SyncSource {
  if (!kind) throw refuse("A source transport must be specified");
  if (kind === "docker" || kind === "dir" || kind === "yaml") return kind;
  throw refuse(`${JSON.stringify(kind)} is not a valid source transport`);
}

function targetKind(kind: string | undefined): "docker" | "dir" {
  if (!kind) throw refuse("A destination transport must be specified");
  if (kind === "docker" || kind === "dir") return kind;
  throw refuse(`${JSON.stringify(kind)} is not a valid destination transport`);
}

interface Sync {
  readonly context: SkopeoInvocation;
  readonly flags: OwnFlags;
  readonly to: string;
  readonly target: "docker" | "dir";
  readonly destination: ImageSystem;
  readonly given: ReadonlySet<string>;
  /** Absent in a dry run. */
  readonly journal: SyncJournal | undefined;
}

/** One image on its way: its two sides, and what was found of it before copying. */
interface Leg {
  readonly image: SyncImage;
  readonly target: ImageName;
  readonly system: ImageSystem;
  /** The digest that is there, or undefined where it must be copied; begun ahead of its turn. */
  look?: Promise<Digest | undefined>;
}

/** Images that are looked at ahead of the one that is copied. */
const lookAhead = 8;

/** A bad image does not end it: the others are copied, and the failure is told at the end. */
async function syncAll(plan: readonly SyncGroup[], sync: Sync): Promise<void> {
  const { flags } = sync;
  let synced = 0;
  let failures = 0;
  for (const { images, system } of plan) {
    const legs = images.map((image): Leg => ({ image, system, target: targetOf(image, sync) }));
    for (const [at, leg] of legs.entries()) {
      const fields = { from: shown(leg.image.name), to: shown(leg.target) };
      log.info(`${flags.dryRun ? "Would have copied image ref" : "Copying image ref"} ${at + 1}/${images.length}`, fields);
      if (!flags.dryRun) for (const next of legs.slice(at, at + lookAhead)) next.look ??= quietly(look(next, sync));
      if (flags.dryRun || (await syncOne(leg, sync))) synced++;
      else failures++;
    }
  }
  sync.journal?.close();
  log.info(`${flags.dryRun ? "Would have synced" : "Synced"} ${synced} images from ${plan.length} sources`);
  if (failures > 0) throw new Fault("registry.failed", "Sync failed due to previous reported error(s) for one or more images");
}

/** A failure is met where its turn comes. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

const shown = ({ transport, rest }: ImageName): string => `${transport}:${transport === "docker" ? "//" : ""}${rest}`;

function targetOf({ scopedName }: SyncImage, { flags, to, target }: Sync): ImageName {
  const below = flags.scoped ? scopedName : posix.basename(scopedName);
  return { transport: target, rest: `${posix.join(to, below)}${flags.appendSuffix ?? ""}` };
}

/** What a flag changes or a signature adds is not to be seen from outside: then there is nothing to look for. */
async function look({ image, target, system }: Leg, { context, flags, given, destination, journal }: Sync): Promise<Digest | undefined> {
  if ([...given].some((name) => name.startsWith("sign")) || flags.format !== undefined || (given.has("referrers") && flags.referrers)) return undefined;
  const noted = journal?.digestAt(shown(target));
  if (noted !== undefined) return noted;
  const source = await openSource(image.name, worldOf(context, system));
  try {
    const sink = await openSink(target, worldOf(context, destination));
    return await digestThere(source, sink, {
      instances: flags.all ? "all" : "system", removeSignatures: flags.removeSignatures, ...(system.platform ? { platform: system.platform } : {}),
    });
  } finally {
    await source.close();
  }
}

/** False where the image failed. */
async function syncOne(leg: Leg, sync: Sync): Promise<boolean> {
  const { flags, journal } = sync;
  const { image: { name }, target } = leg;
  try {
    const there = await leg.look;
    if (there !== undefined) log.info("Image is there already, nothing to copy", { to: shown(target) });
    const digest = there ?? (await copyOne(leg, sync));
    journal?.note(shown(target), digest);
    if (flags.digestfile) appendFileSync(flags.digestfile, `${digest} ${shown(target)}\n`);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    log.error(`Error copying ref ${JSON.stringify(shown(name))}`, { error: thrown.message });
    return false;
  }
}

async function copyOne({ image: { name }, target, system }: Leg, sync: Sync): Promise<Digest> {
  const { context, flags, destination } = sync;
  const progress = copyProgress(context, flags.progress);
  const options: CopyOptions = {
    ...sharedOptions(flags),
    ...(await signerOf(flags, target.transport === "docker" ? dockerReference(target.rest) : undefined)),
    ...referrersWish({ given: sync.given, flags, isAll: flags.all }),
    instances: flags.all ? "all" : "system",
    onProgress: progress.onProgress,
    ...(system.platform ? { platform: system.platform } : {}),
    ...(context.signal ? { signal: context.signal } : {}),
    ...(context.globals.tmpdir ? { tmpDir: context.globals.tmpdir } : {}),
  };
  const { raw } = await copyImage(await openSource(name, worldOf(context, system)), await openSink(target, worldOf(context, destination)), options)
    .finally(() => progress.end());
  return raw.digest;
}
