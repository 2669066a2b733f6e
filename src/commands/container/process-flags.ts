// Options of create and run that say what runs, as whom, with which environment, and how long.
// Source: podman-run(1).

import { files } from "../../cli/complete.ts";
import { list, natural, text, texts, toggle, whole } from "../../cli/flag.ts";
import { parseSignal } from "../../base/signals.ts";
import { readAnnotations, readEnvFile, readLabelFile, readLabels, readVariables } from "./written/environment.ts";
import { readNamespace } from "./written/namespaces.ts";
import { readRestart } from "./written/security.ts";
import { readEntrypoint, readSdnotify, readSystemd, readUmask } from "./written/process.ts";
import { field } from "./spec-flag.ts";

export const processFlags = {
  annotation: field(texts({ help: "Add annotations to container (key=value)" }), (spec, lines) => {
    spec.annotations = { ...spec.annotations, ...readAnnotations(lines) };
  }),
  attach: list({ short: "a", help: "Attach to STDIN, STDOUT or STDERR", complete: () => ["stdin", "stdout", "stderr"] }),
  cidfile: field(text({ help: "Write the container ID to the file", complete: files }), (spec, path) => {
    spec.cidfile = path;
  }),
  conmonPidfile: field(text({ help: "Path to the file that will receive the PID of conmon", complete: files }), (spec, path) => {
    spec.conmonPidfile = path;
  }),
  entrypoint: field(text({ help: "Overwrite the default ENTRYPOINT of the image" }), (spec, written) => {
    spec.entrypoint = readEntrypoint(written);
  }),
  // Before --env, so that what -e says wins over the files.
  envFile: field(texts({ help: "Read in a file of environment variables", complete: files }), (spec, paths) => {
    for (const path of paths) spec.env = { ...spec.env, ...readEnvFile(path) };
  }),
  env: field(
    texts({ secret: "value", short: "e", help: "Set environment variables in container", shown: "[PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin]" }),
    (spec, lines) => {
      spec.env = { ...spec.env, ...readVariables(lines) };
    },
  ),
  envHost: field(toggle({ help: "Use all current host environment variables in container" }), (spec, on) => {
    spec.envHost = on;
  }),
  envMerge: field(texts({ help: "Preprocess environment variables from image before injecting them into the container" }), (spec, lines) => {
    spec.envMerge = [...lines];
  }),
  groupAdd: field(
    list({ help: "Add additional groups to the primary container process. 'keep-groups' allows container processes to use supplementary groups." }),
    (spec, groups) => {
      spec.groupAdd = [...groups];
    },
  ),
  groupEntry: field(text({ help: "Entry to write to /etc/group" }), (spec, entry) => {
    spec.groupEntry = entry;
  }),
  hostname: field(text({ short: "h", help: "Set container hostname" }), (spec, hostname) => {
    spec.hostname = hostname;
  }),
  hostuser: field(list({ help: "Host user account to add to /etc/passwd within container" }), (spec, users) => {
    spec.hostUsers = [...users];
  }),
  httpProxy: field(toggle({ help: "Set proxy environment variables in the container based on the host proxy vars", fallback: true }), (spec, on) => {
    spec.httpProxy = on;
  }),
  init: field(toggle({ help: "Run an init binary inside the container that forwards signals and reaps processes" }), (spec, on) => {
    spec.init = on;
  }),
  initPath: field(text({ help: "Path to the container-init binary", complete: files }), (spec, path) => {
    spec.initPath = path;
  }),
  interactive: field(toggle({ short: "i", help: "Make STDIN available to the contained process" }), (spec, on) => {
    spec.stdin = on;
  }),
  labelFile: field(texts({ help: "Read in a line delimited file of labels", complete: files }), (spec, paths) => {
    for (const path of paths) spec.labels = { ...spec.labels, ...readLabelFile(path) };
  }),
  label: field(texts({ short: "l", help: "Set metadata on container" }), (spec, lines) => {
    spec.labels = { ...spec.labels, ...readLabels(lines) };
  }),
  name: field(text({ help: "Assign a name to the container" }), (spec, name) => {
    spec.name = name;
  }),
  passwdEntry: field(text({ help: "Entry to write to /etc/passwd" }), (spec, entry) => {
    spec.passwdEntry = entry;
  }),
  personality: field(text({ help: "Configure execution domain using personality (e.g., LINUX/LINUX32)" }), (spec, personality) => {
    spec.personality = personality;
  }),
  pid: field(text({ help: "PID namespace to use" }), (spec, written) => {
    spec.namespaces = { ...spec.namespaces, pid: readNamespace(written) };
  }),
  pidfile: field(text({ help: "Write the container process ID to the file", complete: files }), (spec, path) => {
    spec.pidfile = path;
  }),
  pod: field(text({ help: "Run container in an existing pod", refused: "there are no pods yet" }), (spec, pod) => {
    spec.pod = pod;
  }),
  podIdFile: text({ refused: "there are no pods yet", help: "Read the pod ID from the file", complete: files }),
  replace: toggle({ help: "If a container with the same name exists, replace it" }),
  requires: field(list({ help: "Add one or more requirement containers that must be started before this container will start" }), (spec, names) => {
    spec.requires = [...names];
  }),
  restart: field(
    text({
      help: 'Restart policy to apply when a container exits ("always"|"no"|"never"|"on-failure"|"unless-stopped")',
      complete: () => ["always", "no", "never", "on-failure", "unless-stopped"],
    }),
    (spec, written) => {
      spec.restart = readRestart(written);
    },
  ),
  rm: field(toggle({ help: "Remove container and any anonymous unnamed volume associated with the container after exit" }), (spec, on) => {
    spec.remove = on;
  }),
  sdnotify: field(text({ help: 'control sd-notify behavior ("container"|"conmon"|"healthy"|"ignore")', shown: '"container"' }), (spec, mode) => {
    spec.sdnotify = readSdnotify(mode);
  }),
  stopSignal: field(text({ help: "Signal to stop a container. Default is SIGTERM" }), (spec, name) => {
    spec.stopSignal = parseSignal(name);
  }),
  stopTimeout: field(
    whole({
      value: "uint",
      help: "Timeout (in seconds) that containers stopped by user command have to exit. If exceeded, the container will be forcibly stopped via SIGKILL.",
      shown: "10",
    }),
    (spec, seconds) => {
      spec.stopTimeout = seconds;
    },
  ),
  systemd: field(text({ help: 'Run container in systemd mode ("true"|"false"|"always")', shown: '"true"' }), (spec, mode) => {
    spec.systemd = readSystemd(mode);
  }),
  timeout: field(
    natural({ help: "Maximum length of time a container is allowed to run. The container will be killed automatically after the time expires." }),
    (spec, seconds) => {
      spec.timeout = seconds;
    },
  ),
  tty: field(toggle({ short: "t", help: "Allocate a pseudo-TTY for container" }), (spec, on) => {
    spec.terminal = on;
  }),
  tz: field(text({ help: "Set timezone in container" }), (spec, zone) => {
    spec.timezone = zone;
  }),
  umask: field(text({ help: "Set umask in container", shown: '"0022"' }), (spec, umask) => {
    spec.umask = readUmask(umask);
  }),
  unsetenv: field(texts({ help: "Unset environment default variables in container" }), (spec, names) => {
    spec.unsetEnv = [...names];
  }),
  unsetenvAll: field(toggle({ help: "Unset all default environment variables in container" }), (spec, on) => {
    spec.unsetEnvAll = on;
  }),
  user: field(text({ short: "u", help: "Username or UID (format: <name|uid>[:<group|gid>])" }), (spec, user) => {
    spec.user = user;
  }),
  uts: field(text({ help: "UTS namespace to use" }), (spec, written) => {
    spec.namespaces = { ...spec.namespaces, uts: readNamespace(written) };
  }),
  workdir: field(text({ short: "w", help: "Working directory inside the container" }), (spec, path) => {
    spec.workdir = path;
  }),
} as const;
