// ContainerSpec: one container, once described. Flags fill it, `create` completes it from the image and containers.conf,
// the store keeps it, and the runtime's config.json is computed from it. Plain JSON; an absent field was not asked for.

import type { Healthcheck } from "./oci-image.ts";

/** Where a namespace comes from. `target` is a container ID for "container", a path for "path", options for "private". */
export interface NamespaceMode {
  readonly kind: "private" | "host" | "container" | "path" | "pod" | "none" | "shareable" | "keep-id" | "auto" | "nomap";
  readonly target?: string;
}

/** One network a container joins, or the way it does without. */
export interface NetworkAttachment {
  readonly network: string;
  readonly aliases?: string[];
  readonly ips?: string[];
  readonly mac?: string;
  readonly interfaceName?: string;
  readonly options?: Record<string, string>;
}

export interface NetworkSpec {
  /** "bridge": named networks by netavark; "pasta", "slirp4netns": rootless helpers, with their options in `options`. */
  readonly mode: "bridge" | "none" | "host" | "private" | "container" | "path" | "pasta" | "slirp4netns" | "pod";
  /** Container ID or namespace path, for "container" and "path". */
  readonly target?: string;
  readonly options?: string[];
  readonly networks?: NetworkAttachment[];
}

/** One published port range: `hostPort + i` leads to `containerPort + i`. */
export interface PortMapping {
  /** "" for all addresses. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  /** Number of ports, 1 for one. */
  readonly range: number;
  readonly protocol: "tcp" | "udp" | "sctp";
}

/** One mount asked for by -v, --mount, --tmpfs or the image's VOLUME. */
export interface MountSpec {
  readonly kind: "bind" | "volume" | "tmpfs" | "image" | "devpts" | "ramfs" | "glob" | "overlay" | "artifact";
  /** Host path, volume name ("" for an anonymous one), or reference of an image or artifact. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  /** As the runtime takes them, such as "ro", "rbind", "rprivate", "nosuid", "size=64m". */
  readonly options: string[];
  readonly readOnly?: boolean;
  readonly relabel?: "shared" | "private";
  /** :U, chown the source to the container's user. */
  readonly chown?: boolean;
  /** :O, a throw-away overlay over the source; upperdir/workdir are among the options. */
  readonly overlay?: boolean;
  readonly noCopy?: boolean;
  readonly idmap?: string;
  readonly subpath?: string;
  /** Which blob of an artifact, and what its file is called. */
  readonly blob?: { readonly digest?: string; readonly title?: string; readonly name?: string };
  /** The mount stands for an image's VOLUME or an anonymous -v, removed with the container. */
  readonly anonymous?: boolean;
  readonly volumeDriver?: string;
  readonly volumeLabels?: Record<string, string>;
}

export interface DeviceSpec {
  readonly source: string;
  readonly target: string;
  /** Some of "rwm". */
  readonly access: string;
  /** In place of what the host's device has. */
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** A program that the runtime starts at a stage of the container's life. */
export interface InjectedHook {
  readonly stage: string;
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number;
}

export interface Ulimit {
  /** Lower-case without RLIMIT_, such as "nofile"; "host" means: as the calling process has them. */
  readonly name: string;
  /** -1 is unlimited. */
  readonly soft: number;
  readonly hard: number;
}

export interface IdMapping {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

/** Limits; bytes, counts and microseconds as the OCI runtime-spec has them. Absent is unlimited or the kernel's default. */
export interface ResourceLimits {
  memoryBytes?: number;
  memoryReservationBytes?: number;
  /** Memory plus swap; -1 is unlimited. */
  memorySwapBytes?: number;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  cpuQuotaUs?: number;
  cpuPeriodUs?: number;
  cpuShares?: number;
  cpuRtRuntimeUs?: number;
  cpuRtPeriodUs?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  /** -1 is unlimited, absent is the default of containers.conf (2,048). */
  pidsLimit?: number;
  blkioWeight?: number;
  blkioWeightDevice?: { path: string; weight: number }[];
  throttle?: { kind: "read-bps" | "write-bps" | "read-iops" | "write-iops"; path: string; rate: number }[];
  /** cgroup v2 file name to value. */
  unified?: Record<string, string>;
  hugepages?: { pageSize: string; limitBytes: number }[];
}

/** What a container's runs teach about the rights it needs goes to files of this name in this directory. */
export interface LearnSpec {
  readonly name: string;
  readonly directory: string;
}

export interface SecuritySpec {
  privileged?: boolean;
  capAdd?: string[];
  capDrop?: string[];
  noNewPrivileges?: boolean;
  /** "unconfined", "default" or a path of a profile. */
  seccomp?: string;
  seccompPolicy?: string;
  /** Profile name or "unconfined". */
  apparmor?: string;
  /** label=… options, without "label=". */
  labels?: string[];
  /** label=learn:NAME. */
  learn?: LearnSpec;
  /** unmask=… and mask=… paths; "ALL" unmasks all. */
  unmask?: string[];
  mask?: string[];
  /** proc-opts=…, options of the /proc mount. */
  procOptions?: string[];
  readOnlyRoot?: boolean;
  /** Whether tmpfs are put on /run, /tmp, /var/tmp of a read-only root; default true. */
  readWriteTmpfs?: boolean;
  /** The computed process and mount labels, "" without SELinux. */
  processLabel?: string;
  mountLabel?: string;
}

export interface LogSpec {
  driver: "k8s-file" | "json-file" | "journald" | "none" | "passthrough" | "passthrough-tty";
  path?: string;
  /** Bytes; 0 is unlimited. */
  sizeMax?: number;
  tag?: string;
  options?: Record<string, string>;
}

export interface RestartPolicy {
  readonly policy: "no" | "on-failure" | "always" | "unless-stopped";
  /** For on-failure; absent is without end. */
  readonly retries?: number;
}

export interface HealthSpec {
  readonly check?: Healthcheck;
  readonly onFailure?: "none" | "kill" | "restart" | "stop";
  readonly startup?: Healthcheck & { Successes?: number };
  readonly logDestination?: string;
  readonly maxLogCount?: number;
  readonly maxLogSize?: number;
}

export interface SecretUse {
  readonly source: string;
  /** Found at create. */
  readonly id?: string;
  readonly type: "mount" | "env";
  readonly target?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

/** See the head of this file. `resolve` in engine/containers makes the complete one that is stored. */
export interface ContainerSpec {
  /** Absent: a random adjective_surname. */
  name?: string;
  /** What the person wrote, for inspect and ps. */
  imageName?: string;
  /** Resolved image ID (config digest without "sha256:"). */
  imageId?: string;
  /** The image's whole name when resolved by one, such as docker.io/library/alpine:latest. */
  imageReference?: string;
  rootfs?: { readonly path: string; readonly overlay?: boolean; readonly idmap?: string };
  platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };

  /** From the person; [""] clears the image's. */
  entrypoint?: string[];
  command?: string[];
  /** entrypoint + command as resolved against the image: the argv of the process. */
  argv?: string[];
  env?: Record<string, string>;
  unsetEnv?: string[];
  unsetEnvAll?: boolean;
  envHost?: boolean;
  httpProxy?: boolean;
  envMerge?: string[];
  workdir?: string;
  /** The working directory is the image's own: made where the root lacks it. */
  workdirOfImage?: boolean;
  /** As written: "user", "1000:100", … */
  user?: string;
  groupAdd?: string[];
  passwd?: boolean;
  passwdEntry?: string;
  groupEntry?: string;
  hostUsers?: string[];
  /** Octal text such as "0022". */
  umask?: string;
  terminal?: boolean;
  stdin?: boolean;
  /** Open stdin ends with the first attached client. */
  stdinOnce?: boolean;
  init?: boolean;
  initPath?: string;
  systemd?: "true" | "false" | "always";
  sdnotify?: "container" | "conmon" | "healthy" | "ignore";
  preserveFds?: number;
  preserveFd?: number[];

  hostname?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  cidfile?: string;
  pidfile?: string;
  conmonPidfile?: string;
  remove?: boolean;
  removeImage?: boolean;
  restart?: RestartPolicy;
  /** Signal number. */
  stopSignal?: number;
  /** Seconds; default 10. */
  stopTimeout?: number;
  /** Seconds after which the container is killed; 0 is never. */
  timeout?: number;
  timezone?: string;
  /** Name or path of the OCI runtime it was created with. */
  runtime?: string;
  createCommand?: string[];
  requires?: string[];
  pod?: string;
  isInfra?: boolean;
  /** What /run/.containerenv calls us, for all who run there; absent: podman, told to privileged containers alone. */
  engine?: string;

  namespaces?: { pid?: NamespaceMode; ipc?: NamespaceMode; uts?: NamespaceMode; user?: NamespaceMode; cgroup?: NamespaceMode };
  /** As asked for (base/id-mapping.ts says what else a line may hold); once resolved, what the kernel gets. */
  uidMap?: IdMapping[];
  gidMap?: IdMapping[];
  subuidName?: string;
  subgidName?: string;

  network?: NetworkSpec;
  ports?: PortMapping[];
  publishAll?: boolean;
  /** From the image and --expose: "80/tcp". */
  expose?: string[];
  dnsServers?: string[];
  dnsSearch?: string[];
  dnsOptions?: string[];
  hostAdd?: string[];
  hostsFile?: string;
  noHosts?: boolean;
  noHostname?: boolean;

  mounts?: MountSpec[];
  volumesFrom?: string[];
  /** What to do with the image's VOLUMEs. */
  imageVolume?: "anonymous" | "tmpfs" | "ignore";
  secrets?: SecretUse[];
  devices?: DeviceSpec[];
  deviceCgroupRules?: string[];
  hostDevices?: string[];
  /** In place of the host's mounts.conf. */
  defaultMountsFile?: string;
  /** Whole names of devices that vendors describe, such as nvidia.com/gpu=all. */
  cdiDevices?: string[];
  /** Where their descriptions are looked for, where not in the host's places. */
  cdiSpecDirs?: string[];
  /** Of those devices; never stored. */
  injectedHooks?: InjectedHook[];
  shmBytes?: number;
  shmSystemdBytes?: number;
  initContainer?: string;

  resources?: ResourceLimits;
  ulimits?: Ulimit[];
  sysctl?: Record<string, string>;
  oomScoreAdj?: number;
  cgroupParent?: string;
  cgroups?: "enabled" | "disabled" | "no-conmon" | "split";
  cgroupConf?: Record<string, string>;
  rdtClass?: string;
  personality?: string;

  security?: SecuritySpec;
  log?: LogSpec;
  health?: HealthSpec;
  chrootDirs?: string[];
  storageOptions?: string[];
}
