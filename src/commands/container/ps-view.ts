// The columns of podman ps.
// Source: podman-ps(1), --format.

import { humanSize } from "../../base/bytes.ts";
import { humanDuration } from "../../base/duration.ts";
import { goTimeString, momentMs } from "../../base/time.ts";
import { view, type View } from "../../cli/view.ts";
import type { ContainerRow } from "../../engine/containers/list.ts";

export interface PsLook {
  readonly noTrunc: boolean;
  readonly namespaces: boolean;
  readonly pod: boolean;
  readonly size: boolean;
}

const since = (seconds: number): string => humanDuration(Date.now() - seconds * 1000);

function statusOf(row: ContainerRow): string {
  const health = row.Status === "" ? "" : ` (${row.Status})`;
  if (row.State === "running") return `Up ${since(row.StartedAt)}${health}`;
  if (row.State === "exited" || row.State === "stopped") return `Exited (${row.ExitCode}) ${since(row.ExitedAt)} ago${health}`;
  return `${row.State.slice(0, 1).toUpperCase()}${row.State.slice(1)}${health}`;
}

function sizeOf(row: ContainerRow): string {
  if (!row.Size) return "";
  return `${humanSize(row.Size.rwSize)} (virtual ${humanSize(row.Size.rootFsSize)})`;
}

/** "0.0.0.0:8080->80/tcp, 90-92/tcp" */
export function portsText(row: ContainerRow): string {
  const parts: string[] = [];
  const published = new Set<string>();
  for (const port of row.Ports ?? []) {
    const last = port.range - 1;
    const span = (start: number): string => (last > 0 ? `${start}-${start + last}` : String(start));
    parts.push(`${port.host_ip || "0.0.0.0"}:${span(port.host_port)}->${span(port.container_port)}/${port.protocol}`);
    for (let i = 0; i <= last; i++) published.add(`${port.container_port + i}/${port.protocol}`);
  }
  return [...parts, ...exposedText(row, published)].join(", ");
}

function exposedText(row: ContainerRow, published: ReadonlySet<string>): string[] {
  const exposed = Object.entries(row.ExposedPorts ?? {})
    .flatMap(([port, protocols]) => protocols.map((protocol) => ({ from: Number(port), to: Number(port), protocol })))
    .filter(({ from, protocol }) => !published.has(`${from}/${protocol}`))
    .sort((a, b) => (a.protocol === b.protocol ? a.from - b.from : a.protocol < b.protocol ? -1 : 1));
  const ranges: typeof exposed = [];
  for (const one of exposed) {
    const before = ranges.at(-1);
    if (before && before.protocol === one.protocol && before.to + 1 === one.from) before.to = one.to;
    else ranges.push({ ...one });
  }
  return ranges.map(({ from, to, protocol }) => `${from === to ? from : `${from}-${to}`}/${protocol}`);
}

function tableOf(look: PsLook): string {
  if (look.namespaces) {
    return "table {{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.Cgroup}}\t{{.IPC}}\t{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.User}}\t{{.UTS}}";
  }
  const pod = look.pod ? "\t{{.Pod}}\t{{.PodName}}" : "";
  const size = look.size ? "\t{{.Size}}" : "";
  return `table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}${pod}${size}`;
}

export function psView(look: PsLook): View<ContainerRow> {
  const short = (id: string): string => (look.noTrunc ? id : id.slice(0, 12));
  const created = (row: ContainerRow): string => `${humanDuration(Date.now() - momentMs(row.Created))} ago`;
  return view<ContainerRow>({
    name: "ps",
    type: "containers.psReporter",
    columns: {
      AutoRemove: ["AUTO REMOVE", (row) => row.AutoRemove],
      CIDFile: ["CID FILE", (row) => row.CIDFile],
      Cgroup: ["CGROUPNS", (row) => row.Namespaces.Cgroup ?? ""],
      Command: ["COMMAND", (row) => commandText(row, look.noTrunc)],
      Created: ["CREATED", created],
      CreatedAt: ["CREATED AT", (row) => goTimeString(row.Created)],
      CreatedHuman: ["CREATED", created],
      ExitCode: ["EXIT CODE", (row) => row.ExitCode],
      Exited: ["EXITED", (row) => row.Exited],
      ExitedAt: ["EXITED AT", (row) => row.ExitedAt],
      ExposedPorts: ["EXPOSED PORTS", (row) => row.ExposedPorts],
      ID: ["CONTAINER ID", (row) => short(row.Id)],
      IPC: ["IPC", (row) => row.Namespaces.Ipc ?? ""],
      Image: ["IMAGE", (row) => row.Image],
      ImageID: ["IMAGE ID", (row) => short(row.ImageID)],
      IsInfra: ["IS INFRA", (row) => row.IsInfra],
      Label: ["LABEL", (row) => (name: string) => row.Labels?.[name] ?? ""],
      Labels: ["LABELS", (row) => Object.entries(row.Labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join(",")],
      MNT: ["MNT", (row) => row.Namespaces.Mnt ?? ""],
      Mounts: ["MOUNTS", (row) => row.Mounts],
      NET: ["NET", (row) => row.Namespaces.Net ?? ""],
      Names: ["NAMES", (row) => row.Names[0] ?? ""],
      Namespaces: ["NAMESPACES", (row) => row.Namespaces],
      Networks: ["NETWORKS", (row) => row.Networks.join(",")],
      PIDNS: ["PIDNS", (row) => row.Namespaces.Pidns ?? ""],
      Pid: ["PID", (row) => row.Pid],
      Pod: ["POD ID", (row) => short(row.Pod)],
      PodName: ["PODNAME", (row) => row.PodName],
      Ports: ["PORTS", portsText],
      Restarts: ["RESTARTS", (row) => String(row.Restarts)],
      RunningFor: ["RUNNING FOR", created],
      Size: ["SIZE", sizeOf],
      StartedAt: ["STARTED AT", (row) => row.StartedAt],
      State: ["STATE", (row) => row.State],
      Status: ["STATUS", statusOf],
      UTS: ["UTS", (row) => row.Namespaces.Uts ?? ""],
      User: ["USERNS", (row) => row.Namespaces.User ?? ""],
    },
    table: tableOf(look),
  });
}

function commandText(row: ContainerRow, whole: boolean): string {
  const command = (row.Command ?? []).join(" ");
  return whole || command.length <= 17 ? command : `${command.slice(0, 17)}...`;
}

const sorters: Readonly<Record<string, (row: ContainerRow) => string | number>> = {
  command: (row) => (row.Command ?? []).join(" "),
  created: (row) => momentMs(row.Created),
  id: (row) => row.Id,
  image: (row) => row.Image,
  names: (row) => row.Names[0] ?? "",
  runningfor: (row) => row.StartedAt,
  size: (row) => row.Size?.rwSize ?? 0,
  status: (row) => row.State,
};

export const psSortNames = Object.keys(sorters);

/** In place of the order of creation. */
export function sortRows(rows: ContainerRow[], by: string): ContainerRow[] {
  const key = sorters[by]!;
  return rows.sort((a, b) => {
    const left = key(a);
    const right = key(b);
    return left < right ? -1 : left > right ? 1 : 0;
  });
}
