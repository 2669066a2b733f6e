// ps: the rows of all containers, by filters; reads only, takes no lock.
// Source: podman-ps(1).

import { readlinkSync } from "node:fs";
import type { ContainerSpec, PortMapping } from "../../base/container-spec.ts";
import { goTimeString, momentMs } from "../../base/time.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { type WorkingContainer, workingContainers } from "../working/records.ts";
import { groupFilters, matches } from "./filters.ts";
import { observe } from "./observe.ts";
import { writableBytes } from "./writable-bytes.ts";

export interface ListOptions {
  readonly all?: boolean;
  /** "key=value" as --filter takes them. */
  readonly filters?: readonly string[];
  readonly last?: number;
  readonly latest?: boolean;
  readonly size?: boolean;
  readonly namespace?: boolean;
  readonly external?: boolean;
  readonly pod?: boolean;
}

export interface RowPort {
  host_ip: string;
  container_port: number;
  host_port: number;
  range: number;
  protocol: string;
}

/** podman's ListContainer, with its JSON names; `ps --format json` prints it as it is. */
export interface ContainerRow {
  AutoRemove: boolean;
  Command: string[] | null;
  /** RFC 3339. */
  Created: string;
  /** "2026-11-23 21:02:28.1 +0000 UTC"; the relative form is the view's. */
  readonly CreatedAt: string;
  CIDFile: string;
  Exited: boolean;
  /** Unix seconds. */
  ExitedAt: number;
  ExitCode: number;
  ExposedPorts: Record<string, string[]> | null;
  Id: string;
  Image: string;
  ImageID: string;
  IsInfra: boolean;
  Labels: Record<string, string> | null;
  Mounts: string[];
  Names: string[];
  Namespaces: { Mnt?: string; Cgroup?: string; Ipc?: string; Net?: string; Pidns?: string; Uts?: string; User?: string };
  Networks: string[];
  Pid: number;
  Pod: string;
  PodName: string;
  Ports: RowPort[] | null;
  Restarts: number;
  Size: { rootFsSize: number; rwSize: number } | null;
  /** Unix seconds. */
  StartedAt: number;
  /** "running", "exited", "created", "paused", "stopping", "stopped", "initialized", "removing". */
  State: string;
  /** Health: "healthy", "unhealthy", "starting"; "" without a health check. */
  Status: string;
}

/** What Go's zero time is in Unix seconds, as podman prints times that never were. */
const neverSeconds = -62135596800;
const seconds = (time: string | undefined): number => time ? Math.floor(momentMs(time) / 1000) : neverSeconds;

export function rowPorts(ports: readonly PortMapping[] | undefined): RowPort[] | null {
  if (!ports?.length) return null;
  return ports.map(port => ({
    host_ip: port.hostIp, container_port: port.containerPort, host_port: port.hostPort, range: port.range, protocol: port.protocol,
  }));
}

function exposed(spec: ContainerSpec): Record<string, string[]> | null {
  const rows: Record<string, string[]> = {};
  for (const entry of spec.expose ?? []) {
    const [port, protocol = "tcp"] = entry.split("/");
    const number = Number.parseInt(port!, 10);
    const isPublished = (spec.ports ?? []).some(published =>
      published.protocol === protocol && number >= published.containerPort && number < published.containerPort + published.range);
    if (!isPublished) (rows[String(number)] ??= []).push(protocol);
  }
  return Object.keys(rows).length > 0 ? rows : null;
}

function namespaceOf(pid: number, kind: string): string {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[1] ?? "";
  } catch {
    return "";
  }
}

function namespaces(pid: number): ContainerRow["Namespaces"] {
  if (pid === 0) return {};
  const of = (kind: string) => namespaceOf(pid, kind);
  return { Mnt: of("mnt"), Cgroup: of("cgroup"), Ipc: of("ipc"), Net: of("net"), Pidns: of("pid"), Uts: of("uts"), User: of("user") };
}

function sizeOf(host: Host, record: ContainerRecord): ContainerRow["Size"] {
  const rwSize = writableBytes(host, record.id);
  const image = record.spec.imageId ? host.store.images.get(record.spec.imageId) : undefined;
  return { rootFsSize: (image?.size ?? 0) + rwSize, rwSize };
}

export function rowOf(host: Host, record: ContainerRecord, options: ListOptions): ContainerRow {
  const { id, name, spec, state } = record;
  const status = state.status === "stopped" ? "exited" : state.status;
  const pid = state.pid ?? 0;
  return {
    AutoRemove: spec.remove ?? false,
    Command: spec.command?.length ? [...spec.command] : spec.argv ? [...spec.argv] : null,
    Created: state.createdAt,
    // Told in zones and words only where it is asked for.
    get CreatedAt() {
      return goTimeString(state.createdAt);
    },
    CIDFile: spec.cidfile ?? "",
    Exited: status === "exited",
    ExitedAt: seconds(state.finishedAt),
    ExitCode: state.exitCode ?? 0,
    ExposedPorts: exposed(spec),
    Id: id,
    Image: spec.imageReference ?? spec.imageName ?? spec.rootfs?.path ?? "",
    ImageID: spec.imageId ?? "",
    IsInfra: spec.isInfra ?? false,
    Labels: Object.keys(spec.labels ?? {}).length > 0 ? spec.labels! : null,
    Mounts: (spec.mounts ?? []).filter(mount => mount.kind !== "tmpfs").map(mount => mount.target),
    Names: [name],
    Namespaces: options.namespace ? namespaces(pid) : {},
    Networks: (spec.network?.networks ?? []).map(({ network }) => network),
    Pid: pid,
    Pod: spec.pod ?? "",
    PodName: "",
    Ports: rowPorts(spec.ports),
    Restarts: state.restartCount ?? 0,
    Size: options.size ? sizeOf(host, record) : null,
    StartedAt: seconds(state.startedAt),
    State: status,
    Status: state.health?.status ?? "",
  };
}

/** In order of creation, as podman prints without --sort. */
export function list(host: Host, options: ListOptions = {}): ContainerRow[] {
  const { filters = [] } = options;
  const last = options.latest ? 1 : options.last ?? 0;
  const observed = host.state.containers().map(record => observe(host, record));
  const wantsAll = options.all || last > 0 || groupFilters(filters).has("status");
  const visible = wantsAll ? observed : observed.filter(({ state }) => state.status === "running");
  const passing = matches(host, visible, filters);
  const own = (last > 0 ? passing.slice(-last) : passing).map(record => rowOf(host, record, options));
  return options.external ? [...own, ...workingContainers(host).map(record => externalRow(host, record))] : own;
}

/** A working container of buildah's, which runs nothing of its own. */
function externalRow(host: Host, { id, name, imageId, createdAt }: WorkingContainer): ContainerRow {
  const image = imageId === "" ? undefined : host.store.images.get(imageId);
  const base = rowOf(host, { id, name, spec: { command: ["buildah"] }, state: { status: "created", createdAt } }, {});
  return { ...base, Image: image?.names.at(-1) ?? "", ImageID: imageId, State: "storage" };
}
