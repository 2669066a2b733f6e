// Host: one opened store with its configuration; every engine function takes it first. Everything in it opens on first use.

import type { ContainersConf } from "../base/containers-conf.ts";
import type { Store } from "../storage/store.ts";
import type { State } from "./state/state.ts";

/** What the global flags say; absent fields come from containers.conf, storage.conf and the defaults. */
export interface HostOptions {
  readonly root?: string;
  readonly runroot?: string;
  readonly tmpdir?: string;
  readonly volumePath?: string;
  readonly networkConfigDir?: string;
  readonly runtime?: string;
  readonly runtimeFlags?: readonly string[];
  readonly conmon?: string;
  readonly cgroupManager?: "systemd" | "cgroupfs";
  readonly eventsBackend?: "file" | "none" | "journald";
  readonly hooksDirs?: readonly string[];
  readonly defaultMountsFile?: string;
  readonly modules?: readonly string[];
  readonly logLevel?: string;
  readonly syslog?: boolean;
  readonly imageStore?: string;
  readonly storageDriver?: string;
  readonly storageOptions?: readonly string[];
  readonly registriesConf?: string;
  readonly signaturePolicy?: string;
  /** How conmon calls us back: program and the arguments before `container cleanup`; default this executable. */
  readonly self?: readonly string[];
}

/** Where things lie. All absolute. */
export interface HostPaths {
  readonly root: string;
  readonly runroot: string;
  readonly volumes: string;
  readonly networks: string;
  /** Exit files of conmon, by container ID. */
  readonly exits: string;
  readonly locks: string;
  readonly namespaces: string;
  readonly events: string;
  /** Files of one container that last as long as it: logs, secrets, bundle. */
  staticDir(id: string): string;
  /** Files of one container that last as long as this boot: hosts, resolv.conf, pid files. */
  runDir(id: string): string;
}

/** What image.pull and its like need to know of the machine; the image room's own shape is filled from it. */
export interface HostImageSystem {
  readonly registriesConf?: string;
  readonly signaturePolicy?: string;
}

export interface Host {
  readonly options: HostOptions;
  readonly paths: HostPaths;
  readonly conf: ContainersConf;
  readonly store: Store;
  readonly state: State;
  readonly imageSystem: HostImageSystem;
}

export declare function openHost(options?: HostOptions): Host;
