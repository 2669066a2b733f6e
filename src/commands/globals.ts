// The options of the program itself, before any verb: where the store lies, which runtime, how to log.
// Source: podman(1), "GLOBAL OPTIONS".

import { natural, text, texts, toggle } from "../cli/flag.ts";
import { files, nothing } from "../cli/complete.ts";

const logLevelNames = "trace, debug, info, warn, warning, error, fatal, panic";
const tmpdirHelp =
  "Path to the tmp directory for libpod state content.\n\n" +
  "Note: use the environment variable 'TMPDIR' to change the temporary storage location for container images, '/var/tmp'.\n";

export const globals = {
  cdiSpecDir: texts({
    help: "Set the CDI spec directory path (may be set multiple times)",
    shown: "[/etc/cdi,/var/run/cdi]",
    complete: files,
  }),
  cgroupManager: text({
    help: 'Cgroup manager to use ("cgroupfs"|"systemd")',
    shown: '"cgroupfs"',
    complete: () => ["cgroupfs", "systemd"],
  }),
  config: text({ help: "Path to directory containing authentication config file", complete: files }),
  conmon: text({ help: "Path of the conmon binary", complete: files }),
  connection: text({ short: "c", help: "Connection to use for remote Podman service (CONTAINER_CONNECTION)" }),
  context: text({ help: "Name of the context to use to connect to the daemon", hidden: true }),
  cpuProfile: text({ help: "Path for the cpu-profiling results", hidden: true }),
  dbBackend: text({ help: "Database backend to use", hidden: true }),
  debug: toggle({ short: "D", help: "Docker compatibility, force setting of log-level", hidden: true }),
  defaultMountsFile: text({ help: "Path to default mounts file", hidden: true }),
  eventsBackend: text({
    help: 'Events backend to use ("file"|"journald"|"none")',
    shown: '"file"',
    complete: () => ["file", "journald", "none"],
  }),
  help: toggle({ help: "Help for podman" }),
  hooksDir: texts({
    help: "Set the OCI hooks directory path (may be set multiple times)",
    shown: "[/usr/share/containers/oci/hooks.d]",
    complete: files,
  }),
  host: text({ short: "H", help: "Used for Docker compatibility", hidden: true }),
  identity: text({ help: "path to SSH identity file, (CONTAINER_SSHKEY)", complete: files }),
  imagestore: text({
    refused: "a store of ours is one directory: name a read-only one in additionalimagestores of storage.conf, or another place with --root",
    help:
      "Path to the 'image store', different from 'graph root', use this to split storing the image " +
      "into a separate 'image store', see 'man containers-storage.conf' for details",
    complete: files,
  }),
  logLevel: text({
    help: `Log messages above specified level (${logLevelNames})`,
    fallback: "warn",
    complete: () => logLevelNames.split(", "),
  }),
  maxWorkers: natural({ help: "The maximum number of workers for parallel operations", hidden: true }),
  memoryProfile: text({ help: "Path for the memory-profiling results", hidden: true }),
  module: texts({ help: "Load the containers.conf(5) module" }),
  namespace: text({ help: "Set the libpod namespace", hidden: true }),
  networkBackend: text({ help: 'Network backend to use ("cni"|"netavark")', hidden: true }),
  networkCmdPath: text({ help: "Path to the command for configuring the network", complete: files }),
  networkConfigDir: text({
    help: "Path of the configuration directory for networks",
    aliases: ["cni-config-dir"],
    complete: files,
  }),
  noout: toggle({ help: "do not output to stdout", hidden: true }),
  out: text({ help: "Send output (stdout) from podman to a file", complete: files }),
  pullOption: texts({ help: "Specify an option to change how the image is pulled", hidden: true }),
  registriesConf: text({ help: "Path to a registries.conf to use for image processing", hidden: true }),
  remote: toggle({ short: "r", help: "Access remote Podman service" }),
  root: text({
    help: "Path to the graph root directory where images, containers, etc. are stored",
    complete: files,
  }),
  runroot: text({
    help: "Path to the 'run directory' where all state information is stored",
    complete: files,
  }),
  runtime: text({
    help: "Path to the OCI-compatible binary used to run containers.",
    shown: '"crun"',
    complete: files,
  }),
  runtimeFlag: texts({ help: "add global flags for the container runtime", complete: nothing }),
  ssh: text({ help: "define the ssh mode", shown: '"golang"', complete: () => ["golang", "native"] }),
  storageDriver: text({
    help: "Select which storage driver is used to manage storage of images and containers",
    complete: nothing,
  }),
  storageOpt: texts({ help: "Used to pass an option to the storage driver", complete: nothing }),
  syslog: toggle({ help: "Output podman-internal logs to syslog as well as the console", shown: "false" }),
  tlsCa: text({ help: "path to TLS certificate Authority PEM file for remote.", complete: files }),
  tlsCert: text({ help: "path to TLS client certificate PEM file for remote.", complete: files }),
  tlsKey: text({ help: "path to TLS client certificate private key PEM file for remote.", complete: files }),
  tmpdir: text({ help: tmpdirHelp, shown: '"/run/libpod"', complete: files }),
  trace: toggle({ help: "Enable opentracing output", hidden: true }),
  transientStore: toggle({ help: "Enable transient container storage" }),
  url: text({
    help: "URL to access Podman service (CONTAINER_HOST)",
    shown: '"unix:///run/podman/podman.sock"',
    complete: nothing,
  }),
  version: toggle({ short: "v", help: "version for podman" }),
  volumepath: text({
    help: "Path to the volume directory in which volume data is stored",
    complete: files,
  }),
} as const;

export type Globals = typeof globals;

/** Those that may also stand after the verb. */
const beforeVerbOnly = ["config", "connection", "context", "debug", "host", "module", "noout", "out", "remote", "version"];

export function inheritedGlobals(): ReadonlySet<string> {
  return new Set(Object.keys(globals).filter((key) => !beforeVerbOnly.includes(key)));
}
