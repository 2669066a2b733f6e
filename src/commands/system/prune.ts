// podman system prune: everything that nothing uses goes.
// Source: podman-system-prune(1).

import { humanSize } from "../../base/bytes.ts";
import { scratchBase, sweepScratch } from "../../base/scratch.ts";
import { texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { prune as pruneContainers } from "../../engine/containers/remove.ts";
import { pruneImages } from "../../engine/images.ts";
import { pruneNetworks } from "../../engine/networks/networks.ts";
import { pruneVolumes } from "../../engine/volumes/volumes.ts";
import type { Outcome } from "../../engine/batch.ts";
import { confirm } from "../confirm.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb, type VerbCall } from "../verb.ts";

const flags = {
  all: toggle({ short: "a", help: "Remove all unused data" }),
  build: toggle({ help: "Remove build containers" }),
  external: toggle({ help: "Remove container data in storage not controlled by podman" }),
  filter: texts({ help: "Provide filter values (e.g. 'label=<key>=<value>')" }),
  force: toggle({ short: "f", help: "Do not prompt for confirmation.  The default is false" }),
  volumes: toggle({ help: "Prune volumes" }),
} as const;
type Call = VerbCall<typeof flags>;

function question({ all, volumes, build }: Call["flags"]): string {
  return [
    "WARNING! This command removes:",
    "\t- all stopped containers",
    "\t- all networks not used by at least one container",
    ...(volumes ? ["\t- all volumes not used by at least one container"] : []),
    ...(build ? ["\t- all build containers"] : []),
    all ? "\t- all images without at least one container associated with them" : "\t- all dangling images",
    all ? "\t- all build cache" : "\t- all dangling build cache",
    "",
    "Are you sure you want to continue? [y/N] ",
  ].join("\n");
}

export default verb({
  usage: "[options]",
  about: "podman system prune\n\n        Remove unused data",
  frees: true,
  operands: none(),
  flags,
  examples: ["podman system prune", "podman system prune --all --volumes"],
  async run(call) {
    const { context, flags: asked } = call;
    if (asked.external && (asked.all || asked.volumes || asked.filter.length > 0)) throw refuse("--external cannot be combined with other options");
    if (asked.external) return pruneLeavings(call);
    if (!asked.force && !(await confirm(context, question(asked)))) return 0;
    const bytes = await pruneAll(call);
    context.host.store.collect({ orphans: true });
    context.out(`Total reclaimed space: ${humanSize(bytes)}`);
    return context.exitStatus;
  },
});

/** @returns the bytes gained */
async function pruneAll({ context, flags: asked }: Call): Promise<number> {
  const { host } = context;
  const tell = (heading: string, outcomes: readonly Outcome[]): void => {
    const done = outcomes.filter(({ fault }) => !fault);
    if (done.length > 0) context.out(heading);
    for (const { id, target } of done) context.out(id ?? target);
    for (const { fault } of outcomes) if (fault) context.failed(fault);
  };
  if (asked.build) await removeBuildContainers(host);
  const containers = await pruneContainers(host, asked.filter);
  tell("Deleted Containers", containers.outcomes);
  let bytes = containers.bytes;
  if (asked.volumes) {
    const volumes = pruneVolumes(host, asked.filter.filter((one) => !one.startsWith("until=")));
    tell("Deleted Volumes", volumes.outcomes);
    bytes += volumes.bytes;
  }
  const images = await pruneImages(host, { all: asked.all, filters: asked.filter });
  tell("Deleted Images", images.deleted.map((target) => ({ target })));
  for (const fault of images.faults) context.failed(fault);
  bytes += images.bytes;
  tell("Deleted Networks", await pruneNetworks(host, asked.filter));
  return bytes;
}

async function removeBuildContainers(host: Call["context"]["host"]): Promise<void> {
  const { workingContainers } = await import("../../engine/working/records.ts");
  const { removeWorking } = await import("../../engine/working/remove.ts");
  for (const record of workingContainers(host)) await removeWorking(host, record);
}

/** What no row counts: leavings of commands that were killed. */
function pruneLeavings({ context }: Call): number {
  context.host.store.collect({ partialAgeMaxMs: 0 });
  for (const base of new Set([scratchBase(), "/var/tmp"])) sweepScratch(base);
  return 0;
}
