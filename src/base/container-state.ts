// ContainerState: what became of a container, as stored and served. Plain JSON.

/** created: row and root exist; initialized: the runtime made it, not started ("podman init"). */
export type ContainerStatus =
  | "created" | "initialized" | "running" | "paused" | "stopping" | "stopped" | "exited" | "removing";

/** One network's answer, as netavark gave it. */
export interface NetworkStatus {
  readonly dns_search_domains?: string[];
  readonly dns_server_ips?: string[];
  readonly interfaces?: Record<string, { mac_address: string; subnets?: { ipnet: string; gateway?: string }[] }>;
}

export interface HealthLogEntry {
  Start: string;
  End: string;
  ExitCode: number;
  Output: string;
}

/** What health checks found since the last start. */
export interface HealthState {
  status: "starting" | "healthy" | "unhealthy" | "stopped" | "reset";
  failingStreak: number;
  log: HealthLogEntry[];
  /** The startup check has passed, or there is none. */
  started?: boolean;
  startupSuccesses?: number;
  startupFailures?: number;
  /** RFC 3339: the end of the last check, from which the next is due. */
  checkedAt?: string;
}

export interface ContainerState {
  status: ContainerStatus;
  /** Process ID of the container's first process while it runs, with its start time (clock ticks, proc(5) field 22). */
  pid?: number;
  pidStart?: number;
  conmonPid?: number;
  /** Milliseconds since 1970 with fractions for nanoseconds lost; RFC 3339 nanosecond text. */
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  oomKilled?: boolean;
  error?: string;
  restartCount?: number;
  /** A person asked it to stop: restart policies let it lie. */
  stoppedByUser?: boolean;
  /** Count of users of the mounted root (`podman mount`, a running process). */
  mountCount?: number;
  mountpoint?: string;
  networkNamespace?: string;
  networkStatus?: Record<string, NetworkStatus>;
  bundle?: string;
  cgroupPath?: string;
  /** A dump that shall end the run is under way, or was when we died: whoever finishes the container looks whether it is whole. */
  checkpointing?: boolean;
  checkpointed?: boolean;
  checkpointedAt?: string;
  checkpointPath?: string;
  /** Kept by --keep. */
  checkpointLog?: string;
  restoreLog?: string;
  restored?: boolean;
  restoredAt?: string;
  health?: HealthState;
  /** Live exec sessions by ID. */
  execIds?: string[];
  bindMounts?: Record<string, string>;
}
