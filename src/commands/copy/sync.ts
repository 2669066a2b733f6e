// skopeo sync: all images of a repository, a directory or a list, to a registry or a directory, again and again.

import { appendFileSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { text, toggle } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { exactly } from "../../cli/operands.ts";
import { copyImage } from "../../image/copy.ts";
import type { CopyOptions, Copied } from "../../image/copy.ts";
import { plainProgress } from "../../image/progress.ts";
import { syncPlan } from "../../image/sync-plan.ts";
import type { SyncGroup, SyncImage, SyncSource } from "../../image/sync-plan.ts";
import type { ImageSystem } from "../../image/system.ts";
import { dockerReference, openSink, openSource } from "../../image/transport.ts";
import type { ImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { copyFlags, referrersWish, refuseUnbuilt, sharedOptions, signerOf, unbuiltSigning } from "./copy-flags.ts";
import type { CopyFlags } from "./copy-flags.ts";
import { authfile, oldTlsVerify, registryFlags, retryFlags, sideSystem, worldOf } from "./sides.ts";
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
    refuseUnbuilt(call.given, unbuiltSigning);
    const policy = call.context.policy();
    const source = sourceKind(flags.src);
    const target = targetKind(flags.dest);
    if (source === "dir" && target === "dir") {
      throw new Fault("usage.unsupported", "sync from 'dir' to 'dir' not implemented, consider using rsync instead");
    }
    const destination: ImageSystem = { ...sideSystem(call, "dest"), clients: new Map() };
    const plan = await syncPlan(source, from, { ...sideSystem(call, "src"), policy, clients: new Map() });
    if (flags.dryRun) log.warn("Running in dry-run mode");
    if (flags.digestfile && !flags.dryRun) writeFileSync(flags.digestfile, "");
    await syncAll(plan, { context: call.context, flags, to, target, destination, given: call.given });
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
}

async function syncAll(plan: readonly SyncGroup[], sync: Sync): Promise<void> {
  const { flags } = sync;
  let synced = 0;
  let failures = 0;
  for (const { images, system } of plan) {
    for (const [at, image] of images.entries()) {
      const target = targetOf(image, sync);
      const fields = { from: shown(image.name), to: shown(target) };
      log.info(`${flags.dryRun ? "Would have copied image ref" : "Copying image ref"} ${at + 1}/${images.length}`, fields);
      if (flags.dryRun || (await syncOne(image.name, target, { sync, system }))) synced++;
      else failures++;
    }
  }
  log.info(`${flags.dryRun ? "Would have synced" : "Synced"} ${synced} images from ${plan.length} sources`);
  if (failures > 0) throw new Fault("registry.failed", "Sync failed due to previous reported error(s) for one or more images");
}

const shown = ({ transport, rest }: ImageName): string => `${transport}:${transport === "docker" ? "//" : ""}${rest}`;

function targetOf({ scopedName }: SyncImage, { flags, to, target }: Sync): ImageName {
  const below = flags.scoped ? scopedName : posix.basename(scopedName);
  return { transport: target, rest: `${posix.join(to, below)}${flags.appendSuffix ?? ""}` };
}

interface One {
  readonly sync: Sync;
  readonly system: ImageSystem;
}

/** False where the image failed and the others are to go on. */
async function syncOne(name: ImageName, target: ImageName, { sync, system }: One): Promise<boolean> {
  const { flags } = sync;
  try {
    const { raw, wasThere } = await copyOne(name, target, { sync, system });
    if (wasThere) log.info("Image is there already, nothing to copy", { to: shown(target) });
    if (flags.digestfile) appendFileSync(flags.digestfile, `${raw.digest} ${shown(target)}\n`);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const about = `Error copying ref ${JSON.stringify(shown(name))}`;
    if (!flags.keepGoing) throw new Fault(thrown.code, `${about}: ${thrown.message}`, { cause: thrown });
    log.error(about, { error: thrown.message });
    return false;
  }
}

async function copyOne(name: ImageName, target: ImageName, { sync, system }: One): Promise<Copied> {
  const { context, flags, destination } = sync;
  const options: CopyOptions = {
    ...sharedOptions(flags),
    ...signerOf(flags, target.transport === "docker" ? dockerReference(target.rest) : undefined),
    ...referrersWish({ given: sync.given, flags, isAll: flags.all }),
    instances: flags.all ? "all" : "system",
    skipsWhatIsThere: !flags.signBy && flags.format === undefined,
    onProgress: plainProgress((line) => context.err(line)),
    ...(system.platform ? { platform: system.platform } : {}),
    ...(context.signal ? { signal: context.signal } : {}),
    ...(context.globals.tmpdir ? { tmpDir: context.globals.tmpdir } : {}),
  };
  return copyImage(await openSource(name, worldOf(context, system)), await openSink(target, worldOf(context, destination)), options);
}
