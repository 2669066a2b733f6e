// Options of create and run that concern mounts, devices and logs.
// Source: podman-run(1).

import { bytes, list, text, texts } from "../../cli/flag.ts";
import type { LogSpec } from "../../base/container-spec.ts";
import { parseDecimalSize } from "../../base/bytes.ts";
import { readMount } from "./written/mount-option.ts";
import { cut, refuse } from "./written/refuse.ts";
import { checkDeviceRule, isCdiName, readDevice, readGpu } from "./written/security.ts";
import { readTmpfs, readVolume } from "./written/volumes.ts";
import { field } from "./spec-flag.ts";

const size = "<number>[<unit>]";
const unit = "where unit = b (bytes), k (kibibytes), m (mebibytes), or g (gibibytes)";
const logDrivers = ["k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty"] as const;

function readLogOption(log: LogSpec, line: string): void {
  const [name, value] = cut(line);
  if (value === undefined) throw refuse(`invalid log option ${JSON.stringify(line)}`);
  if (name === "path") log.path = value;
  else if (name === "max-size") log.sizeMax = parseDecimalSize(value);
  else if (name === "tag") log.tag = value;
  else (log.options ??= {})[name] = value;
}

export const storageFlags = {
  chrootdirs: field(texts({ help: "Chroot directories inside the container" }), (spec, paths) => {
    spec.chrootDirs = [...paths];
  }),
  device: field(texts({ help: "Add a host device to the container" }), (spec, written) => {
    spec.devices = written.filter(name => !isCdiName(name)).map(readDevice);
    const described = written.filter(isCdiName);
    if (described.length > 0) spec.cdiDevices = [...spec.cdiDevices ?? [], ...described];
  }),
  deviceCgroupRule: field(list({ help: "Add a rule to the cgroup allowed devices list" }), (spec, rules) => {
    spec.deviceCgroupRules = rules.map(checkDeviceRule);
  }),
  gpus: field(list({ value: "string", help: "GPU devices to add to the container ('all' to pass all GPUs)" }), (spec, gpus) => {
    spec.cdiDevices = [...spec.cdiDevices ?? [], ...gpus.map(readGpu)];
  }),
  logDriver: field(text({ help: "Logging driver for the container", shown: '"k8s-file"', complete: () => [...logDrivers] }), (spec, name) => {
    const driver = name === "syslog" ? "journald" : name === "" ? "k8s-file" : logDrivers.find((known) => known === name);
    if (!driver) throw refuse(`running container create option: invalid log driver: invalid argument`, "choose one of k8s-file, json-file, journald, none, passthrough");
    spec.log = { ...spec.log, driver };
  }),
  logOpt: field(texts({ help: "Logging driver options" }), (spec, lines) => {
    spec.log ??= { driver: "k8s-file" };
    for (const line of lines) readLogOption(spec.log, line);
  }),
  mount: field(texts({ help: "Attach a filesystem mount to the container" }), (spec, written) => {
    (spec.mounts ??= []).push(...written.map(readMount));
  }),
  shmSize: field(bytes({ value: size, help: `Size of /dev/shm (format: ${size}, ${unit})`, shown: '"65536k"' }), (spec, amount) => {
    spec.shmBytes = amount;
  }),
  shmSizeSystemd: field(
    bytes({ value: size, help: `Size of systemd specific tmpfs mounts (/run, /run/lock) (format: ${size}, ${unit})` }),
    (spec, amount) => {
      spec.shmSystemdBytes = amount;
    },
  ),
  storageOpt: field(texts({ help: "Storage driver options per container", hidden: true, refused: "this store has no quotas" }), (spec, lines) => {
    for (const line of lines) if (!line.includes("=")) throw refuse("storage-opt must be formatted KEY=VALUE");
    spec.storageOptions = [...lines];
  }),
  tmpfs: field(texts({ value: "tmpfs", help: "Mount a temporary filesystem (tmpfs) into a container" }), (spec, written) => {
    (spec.mounts ??= []).push(...written.map(readTmpfs));
  }),
  volume: field(texts({ short: "v", help: "Bind mount a volume into the container" }), (spec, written) => {
    (spec.mounts ??= []).push(...written.map(readVolume));
  }),
  volumesFrom: field(texts({ help: "Mount volumes from the specified container(s)" }), (spec, names) => {
    spec.volumesFrom = [...names];
  }),
} as const;
