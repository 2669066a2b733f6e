// podman system df: what images, containers and volumes take on the disk.
// Source: podman-system-df(1).

import { humanSizeTight } from "../../base/bytes.ts";
import { humanDuration } from "../../base/duration.ts";
import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import { diskUse, type ContainerDiskUse, type DiskUse, type ImageUse, type VolumeUse } from "../../engine/disk-use.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb, type Invocation } from "../verb.ts";

interface Summary {
  readonly Type: string;
  readonly Total: number;
  readonly Active: number;
  readonly RawSize: number;
  readonly RawReclaimable: number;
}

const size = (bytes: number): string => humanSizeTight(bytes, 4);
const ago = (ms: number): string => humanDuration(Date.now() - ms);

function reclaimable({ RawSize, RawReclaimable }: Summary): string {
  const percent = RawSize > 0 ? Math.round(RawReclaimable / RawSize * 100) : 0;
  return `${size(RawReclaimable)} (${percent}%)`;
}

const summaryView = view<Summary>({
  name: "df",
  type: "*system.dfSummary",
  columns: {
    // In the order that {{json .}} prints them in.
    Type: ["TYPE", (row) => row.Type],
    Total: ["TOTAL", (row) => row.Total],
    Active: ["ACTIVE", (row) => row.Active],
    RawSize: ["RAW SIZE", (row) => row.RawSize],
    RawReclaimable: ["RAW RECLAIMABLE", (row) => row.RawReclaimable],
    TotalCount: ["TOTAL COUNT", (row) => row.Total],
    Size: ["SIZE", (row) => size(row.RawSize)],
    Reclaimable: ["RECLAIMABLE", reclaimable],
  },
  table: "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
  json: (row) => ({ ...row, TotalCount: row.Total, Size: size(row.RawSize), Reclaimable: reclaimable(row) }),
});

function summaries({ images, imagesSize, containers, volumes }: DiskUse): Summary[] {
  const sum = <T>(rows: readonly T[], of: (row: T) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const used = [...new Map(images.filter((image) => image.containers > 0).map((image) => [image.id, image])).values()];
  return [
    { Type: "Images", Total: images.length, Active: used.length, RawSize: imagesSize, RawReclaimable: imagesSize - sum(used, (image) => image.uniqueSize) },
    {
      Type: "Containers", Total: containers.length, Active: containers.filter(({ running }) => running).length,
      RawSize: sum(containers, (row) => row.size), RawReclaimable: sum(containers.filter(({ running }) => !running), (row) => row.size),
    },
    {
      Type: "Local Volumes", Total: volumes.length, Active: sum(volumes, (row) => row.links),
      RawSize: sum(volumes, (row) => row.size), RawReclaimable: sum(volumes.filter(({ links }) => links === 0), (row) => row.size),
    },
  ];
}

const imageView = view<ImageUse>({
  name: "df",
  type: "*system.dfImage",
  columns: {
    Repository: ["REPOSITORY", (row) => row.repository],
    Tag: ["TAG", (row) => row.tag],
    ImageID: ["IMAGE ID", (row) => row.id.slice(0, 12)],
    Created: ["CREATED", (row) => ago(row.createdMs)],
    Size: ["SIZE", (row) => size(row.size)],
    SharedSize: ["SHARED SIZE", (row) => size(row.sharedSize)],
    UniqueSize: ["UNIQUE SIZE", (row) => size(row.uniqueSize)],
    Containers: ["CONTAINERS", (row) => row.containers],
  },
  table: "table {{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
});

const containerView = view<ContainerDiskUse>({
  name: "df",
  type: "*system.dfContainer",
  columns: {
    ContainerID: ["CONTAINER ID", (row) => row.id.slice(0, 12)],
    Image: ["IMAGE", (row) => row.imageId.slice(0, 12)],
    Command: ["COMMAND", (row) => row.command.join(" ")],
    LocalVolumes: ["LOCAL VOLUMES", (row) => row.volumes],
    RWSize: ["SIZE", (row) => size(row.size)],
    Created: ["CREATED", (row) => ago(row.createdMs)],
    Status: ["STATUS", (row) => row.status],
    Names: ["NAMES", (row) => row.name],
  },
  table: "table {{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.RWSize}}\t{{.Created}}\t{{.Status}}\t{{.Names}}",
});

const volumeView = view<VolumeUse>({
  name: "df",
  type: "*system.dfVolume",
  columns: {
    VolumeName: ["VOLUME NAME", (row) => row.name],
    Links: ["LINKS", (row) => row.links],
    Size: ["SIZE", (row) => size(row.size)],
  },
  table: "table {{.VolumeName}}\t{{.Links}}\t{{.Size}}",
});

async function printWhole(context: Invocation, use: DiskUse): Promise<void> {
  context.write(`Images space usage:\n\n${await showRows(imageView, use.images)}`);
  context.write(`\nContainers space usage:\n\n${await showRows(containerView, use.containers)}`);
  context.write(`\nLocal Volumes space usage:\n\n${await showRows(volumeView, use.volumes)}`);
}

export default verb({
  usage: "[options]",
  about: "podman system df\n\n\tShow podman disk usage",
  operands: none(),
  flags: {
    format: text({ help: "Pretty-print images using a Go template", complete: completesFormat(summaryView.columns) }),
    verbose: toggle({ short: "v", help: "Show detailed information on disk usage" }),
  },
  examples: ["podman system df", "podman system df --verbose", 'podman system df --format "{{.Type}}\\t{{.Total}}"'],
  async run({ context, flags }) {
    if (flags.format && flags.verbose) throw refuse("cannot combine --format and --verbose flags");
    const use = diskUse(context.host);
    if (flags.verbose) return printWhole(context, use);
    context.write(await showRows(summaryView, summaries(use), flags.format ? { format: flags.format } : {}));
  },
});
