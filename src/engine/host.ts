// Host: one opened store with its configuration; every engine function takes it first. Everything in it opens on first use.

import { releaseOwnCode } from "../kernel/own-pages.ts";
import { geteuid, rootlessUser, type RootlessUser } from "../kernel/users.ts";
import { readContainersConf } from "../base/containers-conf.ts";
import { tellOnce } from "./told.ts";
import { log } from "../base/log.ts";
import { Fault } from "../base/fault.ts";
import type { ContainersConf } from "../base/containers-conf.ts";
import { spendReserve } from "../storage/reserve.ts";
import { openStore } from "../storage/store.ts";
import type { Store } from "../storage/store.ts";
import { refuseForeign, userRunDirectory } from "./run-directory.ts";
import { noticeBoot } from "./state/boot.ts";
import { readStorageConf, type StorageConf } from "./storage-conf.ts";
import { openState, leavingSchema, requirementsSchema, stateSchema } from "./state/state.ts";
import type { State } from "./state/state.ts";
import { workingSchema } from "./working/records.ts";

/** What the global flags say; absent fields come from containers.conf and the defaults. */
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
  readonly cdiSpecDirs?: readonly string[];
  readonly defaultMountsFile?: string;
  readonly modules?: readonly string[];
  readonly logLevel?: string;
  readonly syslog?: boolean;
  readonly storageDriver?: string;
  readonly storageOptions?: readonly string[];
  readonly registriesConf?: string;
  readonly signaturePolicy?: string;
  readonly registriesDir?: string;
  readonly shortNameAliasConf?: string;
  /** How conmon calls us back: program and the arguments before the global flags; default this executable. */
  readonly self?: readonly string[];
  /** See StoreOptions. */
  readonly ownsProcess?: boolean;
  /** It reads a little and ends. */
  readonly looks?: boolean;
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
  /** One container's network namespace, by name. */
  namespaceOf(id: string): string;
  readonly events: string;
  /** Files of one container that last as long as it: logs, bundle of an image. */
  staticDir(id: string): string;
  /** Files of one container that last as long as this boot: bundle, hosts, resolv.conf, pid files. */
  runDir(id: string): string;
}

/** What the image room needs to know of the machine when it pulls. */
export interface HostImageSystem {
  readonly registriesConf?: string;
  readonly registriesDir?: string;
  readonly shortNameAliasConf?: string;
  readonly signaturePolicy?: string;
  readonly layersInParallel?: number | undefined;
}

export interface Host {
  readonly options: HostOptions;
  readonly paths: HostPaths;
  readonly rootless: boolean;
  /** The ordinary user we work for, by the machine's own numbers; absent for root. */
  readonly user?: RootlessUser;
  readonly conf: ContainersConf;
  /** What storage.conf and --storage-opt say. */
  readonly storage: StorageConf;
  readonly store: Store;
  readonly state: State;
  readonly imageSystem: HostImageSystem;
}

function homeOf(env: NodeJS.ProcessEnv): string {
  return env.HOME || "/";
}

/** Where the store lies by default. @param user the ordinary user, with his number as this process sees it */
export function defaultRoots(user: { readonly uid: number; readonly seen: number } | undefined, env: NodeJS.ProcessEnv): { root: string; runroot: string } {
  if (user === undefined) return { root: "/var/lib/containers/coracle", runroot: "/run/containers/coracle" };
  const data = env.XDG_DATA_HOME || `${homeOf(env)}/.local/share`;
  return { root: `${data}/containers/coracle`, runroot: `${userRunDirectory(env, user)}/containers/coracle` };
}

function absolute(path: string): string {
  return (path.startsWith("/") ? path : `${process.cwd()}/${path}`).replace(/(.)\/+$/, "$1");
}

function pathsOf(options: HostOptions, user: RootlessUser | undefined, { conf, storage }: { conf: () => ContainersConf; storage: () => StorageConf }): HostPaths {
  const defaults = defaultRoots(user && { uid: user.uid, seen: geteuid() }, process.env);
  const named: Partial<StorageConf> = options.root === undefined ? storage() : {};
  const root = absolute(options.root ?? named.root ?? defaults.root);
  const runroot = absolute(options.runroot ?? named.runroot ?? defaults.runroot);
  const globalNetworks = user || options.root ? `${root}/networks` : "/etc/containers/networks";
  return {
    root,
    runroot,
    get volumes() {
      return absolute(options.volumePath ?? conf().engine.volume_path ?? `${root}/volumes`);
    },
    get networks() {
      return absolute(options.networkConfigDir ?? conf().network.network_config_dir ?? globalNetworks);
    },
    exits: `${runroot}/exits`,
    locks: `${runroot}/locks`,
    namespaces: `${runroot}/netns`,
    namespaceOf: id => `${runroot}/netns/netns-${id}`,
    get events() {
      const temporary = options.tmpdir ?? conf().engine.tmp_dir;
      return conf().engine.events_logfile_path ?? (temporary ? `${absolute(temporary)}/events/events.log` : `${runroot}/events.log`);
    },
    staticDir: id => `${root}/containers/${id}`,
    runDir: id => `${runroot}/containers/${id}`,
  };
}

/** Computes `make` at most once. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Containers are rows of the store's own database, so their state cannot lie elsewhere. @throws Fault "config.invalid" */
function supported(conf: ContainersConf): ContainersConf {
  const { static_dir: elsewhere } = conf.engine;
  if (!elsewhere) return conf;
  throw new Fault("config.invalid", `cannot keep the state of containers in "${elsewhere}", as engine.static_dir of containers.conf says: it lies in the store`, {
    hint: "take static_dir out, and name another store with --root where containers are to be kept apart",
  });
}

/** Nothing is opened or made before it is used. */
export function openHost(options: HostOptions = {}): Host {
  const user = rootlessUser();
  const rootless = user !== undefined;
  const conf = once(() => supported(readContainersConf({
    env: process.env,
    rootless,
    ...(options.modules ? { modules: options.modules } : {}),
  })));
  const told = once(() => {
    const read = conf();
    if (read.warnings.length > 0) tellOnce(paths.runroot, read.warnings);
    return read;
  });
  const storage = once(() => readStorageConf({ env: process.env, rootless, ...(options.storageOptions ? { options: options.storageOptions } : {}) }));
  const paths = pathsOf(options, user, { conf, storage });
  const store = once(() => {
    if (options.ownsProcess && !options.looks) releaseOwnCode();
    if (user) for (const path of [paths.root, paths.runroot]) refuseForeign(path, geteuid());
    return openStore({
      root: paths.root,
      runroot: paths.runroot,
      additional: storage().additionalImageStores.filter(path => path !== paths.root),
      ...(storage().layerForm ? { layerForm: storage().layerForm! } : {}),
      ...(options.ownsProcess ? { ownsProcess: true } : {}),
    });
  });
  const state = once(() => {
    store().migrate("engine", 1, stateSchema);
    store().migrate("working", 1, workingSchema);
    store().migrate("leaving", 1, leavingSchema);
    store().migrate("requirements", 1, requirementsSchema);
    const opened = openState(store().db);
    noticeBoot(paths, opened);
    return opened;
  });
  return {
    options,
    paths,
    rootless,
    ...(user ? { user } : {}),
    get conf() { return told(); },
    get storage() { return storage(); },
    get store() { return store(); },
    get state() { return state(); },
    imageSystem: {
      ...(options.registriesConf ? { registriesConf: options.registriesConf } : {}),
      ...(options.registriesDir ? { registriesDir: options.registriesDir } : {}),
      ...(options.shortNameAliasConf ? { shortNameAliasConf: options.shortNameAliasConf } : {}),
      ...(options.signaturePolicy ? { signaturePolicy: options.signaturePolicy } : {}),
      get layersInParallel() { return conf().engine.image_parallel_copies || undefined; },
    },
  };
}

/** For commands that make room: the store's reserve is theirs where the disk is full. */
export const makeRoom = (host: Host): void => spendReserve(host.paths.root);

const abandonedMs = 3000;

/** What commands that died have left half done is brought to its end, before the next one looks. Costs one question where there is none. */
export async function finishDead(host: Host): Promise<void> {
  try {
    if (!host.state.leavings().some(({ at }) => Date.now() - at > abandonedMs)) return;
    await (await import("./networks/leaving.ts")).settleAbandoned(host);
  } catch (thrown) {
    // The command itself says better what is wrong with the store, where it needs it.
    log.debug(`what died was not looked after: ${(thrown as Error).message}`);
  }
}
