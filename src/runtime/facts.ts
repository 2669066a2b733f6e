// ConfigFacts: what config.json needs besides the spec: where things of this container lie and what this host has.

import type { CgroupMode } from "./cgroups.ts";
import type { Identity } from "./identity.ts";
import type { HostDevice } from "./devices.ts";
import type { OciIdMap } from "./oci.ts";
import type { ApparmorHost } from "../security/apparmor.ts";
import type { OciSeccomp } from "../security/seccomp.ts";

/** A mount whose source has been found: volumes and images are paths by now. */
export interface ResolvedMount {
  readonly kind: "bind" | "volume" | "tmpfs" | "ramfs" | "devpts" | "image" | "overlay";
  /** Host path; "tmpfs" and the like for those without. */
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly readOnly?: boolean;
  readonly idmap?: string;
}

/** Absent path: a new namespace of that kind. */
export type NamespacePlan = Readonly<Partial<Record<"pid" | "network" | "ipc" | "uts" | "user" | "cgroup", { readonly path?: string }>>>;

export interface ConfigFacts {
  readonly id: string;
  readonly rootPath: string;
  readonly identity: Identity;
  /** Files and directories of ours that stand at a path inside: /etc/hosts, /run/.containerenv, … */
  readonly files: Readonly<Record<string, string>>;
  /** Host directory for /dev/shm; absent: a tmpfs made by the runtime. */
  readonly shmPath?: string;
  readonly mounts: readonly ResolvedMount[];
  /** Those not named are the host's. "mount" is always new. */
  readonly namespaces: NamespacePlan;
  readonly idMaps?: { readonly uid: readonly OciIdMap[]; readonly gid: readonly OciIdMap[] };
  readonly cgroups: { readonly mode: CgroupMode; readonly path?: string };
  /** Hard limits of our own process, above which a runtime without CAP_SYS_RESOURCE fails. */
  readonly hardLimits: { readonly nofile: number; readonly nproc: number; of(name: string): number };
  readonly mayRaiseLimits: boolean;
  readonly rootless: boolean;
  readonly seccomp?: OciSeccomp;
  /** Absent: the kernel is asked. */
  readonly apparmor?: ApparmorHost;
  /** containers.conf's apparmor_profile. */
  readonly apparmorConfigured?: string;
  readonly devices: readonly HostDevice[];
  /** Where the init program lies on the host, with --init. */
  readonly initPath?: string;
  readonly hostname: string;
  /** gid of the group "tty" in the container's user namespace; 5 unless it is not mapped. */
  readonly ttyGroup?: number;
  readonly defaultSysctl?: Readonly<Record<string, string>>;
  readonly capabilityDefaults?: readonly string[];
  readonly pidsLimitDefault: number;
  /** "KEY=VALUE" pairs as the process shall have them. */
  readonly env: readonly string[];
}
