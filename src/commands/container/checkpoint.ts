// podman container checkpoint: processes and memory of running containers, written to disk, to an archive or to an image.
// Source: podman-container-checkpoint(1).

import { files as anyFile } from "../../cli/complete.ts";
import { choice, text, toggle } from "../../cli/flag.ts";
import { namesAllOrLatest } from "../../cli/operands.ts";
import { checkpoint, type CheckpointOutcome } from "../../engine/checkpoints/checkpoint.ts";
import { exportTo } from "../../engine/checkpoints/export.ts";
import { imageOf } from "../../engine/checkpoints/image.ts";
import { report } from "../outcomes.ts";
import { archiveFile } from "../output-file.ts";
import { latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { printStatistics } from "./checkpoint-statistics.ts";
import { refuse } from "./written/refuse.ts";

const flags = {
  all: toggle({ short: "a", help: "Checkpoint all running containers" }),
  compress: choice(["gzip", "none", "zstd"], { short: "c", value: "string", help: "Select compression algorithm (gzip, none, zstd) for checkpoint archive.", fallback: "zstd", shown: '"zstd"' }),
  createImage: text({ help: "Create checkpoint image with specified name" }),
  export: text({ short: "e", help: "Export the checkpoint image to a tar.gz", complete: anyFile }),
  fileLocks: toggle({ help: "Checkpoint a container with file locks" }),
  ignoreRootfs: toggle({ help: "Do not include root file-system changes when exporting" }),
  ignoreVolumes: toggle({ help: "Do not export volumes associated with container" }),
  keep: toggle({ short: "k", help: "Keep all temporary checkpoint files" }),
  latest,
  leaveRunning: toggle({ short: "R", help: "Leave the container running after writing checkpoint to disk" }),
  preCheckpoint: toggle({ short: "P", help: "Dump container's memory information only, leave the container running" }),
  printStats: toggle({ help: "Display checkpoint statistics" }),
  tcpEstablished: toggle({ help: "Checkpoint a container with established TCP connections" }),
  withPrevious: toggle({ help: "Checkpoint container with pre-checkpoint images" }),
} as const;

export default verb({
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "\n   podman container checkpoint\n\n   Checkpoints one or more running containers. The container name or ID can be used.\n",
  operands: namesAllOrLatest(runningContainers),
  flags,
  examples: ["podman container checkpoint --keep ctrID", "podman container checkpoint --all", "podman container checkpoint --leave-running ctrID"],
  async run(call) {
    const started = performance.now();
    check(call);
    const { context, flags: asked, operands } = call;
    using file = asked.export === undefined ? undefined : archiveFile(context, asked.export);
    const { ignoreRootfs, ignoreVolumes } = asked;
    const outcomes = await checkpoint(context.host, { names: operands, all: asked.all, latest: asked.latest }, {
      ...asked,
      ...(file ? { travels: "archive" as const, use: exportTo(file.write, { compression: asked.compress, ignoreRootfs, ignoreVolumes, preCheckpoint: asked.preCheckpoint }) } : {}),
      ...(asked.createImage === undefined ? {} : { travels: "image" as const, use: imageOf(context.host, asked.createImage) }),
    });
    if (outcomes.every(({ fault }) => fault === undefined)) file?.keep();
    if (asked.printStats) return printStatistics<CheckpointOutcome>(context, "checkpoint", { outcomes, started });
    // Where the archive goes to standard output nothing else does.
    report(context, outcomes, ({ target }) => (asked.export === "-" ? undefined : target));
  },
});

function check({ flags: asked, given, operands }: VerbCall<typeof flags>): void {
  const isExport = asked.export !== undefined;
  if (given.has("compress") && !isExport) throw refuse("--compress can only be used with --export");
  if (asked.ignoreRootfs && !isExport) throw refuse("--ignore-rootfs can only be used with --export");
  if (asked.ignoreVolumes && !isExport) throw refuse("--ignore-volumes can only be used with --export");
  if (asked.withPrevious && asked.preCheckpoint) throw refuse("--with-previous can not be used with --pre-checkpoint");
  if (isExport && asked.createImage !== undefined) throw refuse("--export and --create-image cannot be used together", "make the image first, with --leave-running");
  if (asked.export === "-" && asked.printStats) throw refuse("--print-stats cannot be used with --export -: both go to standard output");
  if ((isExport || asked.createImage !== undefined) && (asked.all || operands.length > 1)) {
    throw refuse(`--${isExport ? "export" : "create-image"} can only be used with one container`, "give each container a file of its own");
  }
}
