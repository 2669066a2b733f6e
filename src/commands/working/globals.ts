// Buildah's own options, before or after the verb.
// Source: buildah(1), "OPTIONS".

import { files } from "../../cli/complete.ts";
import { list, text, toggle } from "../../cli/flag.ts";

export const globals = {
  cgroupManager: text({ help: "cgroup manager", shown: '"cgroupfs"', complete: () => ["cgroupfs", "systemd"] }),
  cpuProfile: text({ value: "file", help: "file to write CPU profile", hidden: true }),
  debug: toggle({ help: "print debugging information", hidden: true }),
  defaultMountsFile: text({ help: "path to default mounts file", hidden: true }),
  help: toggle({ short: "h", help: "help for buildah" }),
  imagestore: text({ help: "storage imagestore", refused: "a store of ours is one directory: name a read-only one in additionalimagestores of storage.conf, or another place with --root" }),
  logLevel: text({ help: 'the log level to be used, one of "trace", "debug", "info", "warn", "error", "fatal", or "panic"', fallback: "warn" }),
  memoryProfile: text({ value: "file", help: "file to write memory profile", hidden: true }),
  registriesConf: text({ help: "path to registries.conf file (not usually used)", complete: files }),
  registriesConfDir: text({ help: "path to registries.conf.d directory (not usually used)", complete: files }),
  root: text({ help: "storage root dir", complete: files }),
  runroot: text({ help: "storage state dir", complete: files }),
  shortNameAliasConf: text({ help: "path to short name alias cache file (not usually used)", complete: files }),
  signaturePolicy: text({ help: "pathname of signature policy file (not usually used)", hidden: true, complete: files }),
  storageDriver: text({ help: "storage-driver" }),
  storageOpt: list({ help: "storage driver option" }),
  transientStore: toggle({ help: "store some information in transient storage" }),
  usernsGidMap: list({ value: "ctrID:hostID:length", help: "default ctrID:hostID:length GID mapping to use" }),
  usernsUidMap: list({ value: "ctrID:hostID:length", help: "default ctrID:hostID:length UID mapping to use" }),
  version: toggle({ short: "v", help: "version for buildah" }),
} as const;

export type BuildahGlobals = typeof globals;

/** All but the version's. */
export const inheritedGlobals = (): ReadonlySet<string> => new Set(Object.keys(globals).filter((key) => key !== "version"));
