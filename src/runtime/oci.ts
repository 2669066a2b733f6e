// The parts of OCI's config.json that we write.
// Source: OCI runtime-spec config.md, config-linux.md.

import type { OciSeccomp } from "../security/seccomp.ts";

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
  readonly uidMappings?: readonly OciIdMap[];
  readonly gidMappings?: readonly OciIdMap[];
}

export interface OciIdMap {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciDevice {
  readonly path: string;
  readonly type: "c" | "b" | "p" | "u";
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** "process" of config.json, and what `exec` is given. */
export interface OciProcess {
  readonly terminal?: boolean;
  readonly user: OciUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: Readonly<Record<string, readonly string[]>>;
  readonly rlimits?: readonly { type: string; hard: number; soft: number }[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  readonly oomScoreAdj?: number;
}

export interface OciConfig {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname?: string;
  readonly mounts: readonly OciMount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks?: unknown;
  readonly linux: {
    readonly uidMappings?: readonly OciIdMap[];
    readonly gidMappings?: readonly OciIdMap[];
    readonly sysctl?: Readonly<Record<string, string>>;
    readonly resources?: Readonly<Record<string, unknown>>;
    readonly cgroupsPath?: string;
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
    readonly devices?: readonly OciDevice[];
    readonly seccomp?: OciSeccomp;
    readonly maskedPaths?: readonly string[];
    readonly readonlyPaths?: readonly string[];
    readonly mountLabel?: string;
    readonly rootfsPropagation?: string;
    readonly intelRdt?: { readonly closID: string };
    readonly personality?: { readonly domain: string };
  };
}
