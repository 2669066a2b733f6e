// ps: the rows of all containers, by filters; reads only, takes no lock.

import type { Host } from "../host.ts";

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

/** podman's ListContainer, with its JSON names; `ps --format json` prints it as it is. */
export interface ContainerRow {
  AutoRemove: boolean;
  Command: string[] | null;
  /** RFC 3339. */
  Created: string;
  /** "2026-11-23 21:02:28.1 +0000 UTC"; the relative form is the view's. */
  CreatedAt: string;
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
  Ports: { host_ip: string; container_port: number; host_port: number; range: number; protocol: string }[] | null;
  Restarts: number;
  Size: { rootFsSize: number; rwSize: number } | null;
  /** Unix seconds. */
  StartedAt: number;
  /** "running", "exited", "created", "paused", "stopping", "stopped", "initialized", "removing". */
  State: string;
  /** Health in parentheses, as podman's STATUS adds it; "" without a health check. */
  Status: string;
}

export function list(host: Host, options: ListOptions = {}): ContainerRow[] {
  throw new Error("not written yet");
}
