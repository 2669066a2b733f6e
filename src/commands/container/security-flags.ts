// Options of create and run that concern rights, namespaces and secrets.
// Source: podman-run(1).

import type { ContainerSpec, SecuritySpec } from "../../base/container-spec.ts";
import { list, text, texts, toggle } from "../../cli/flag.ts";
import { readIdMaps } from "./written/id-map.ts";
import { readIpc, readNamespace, readUserns } from "./written/namespaces.ts";
import { readSecret, readSecurityOption, readSysctl } from "./written/security.ts";
import { sysctlNames } from "../suggest.ts";
import { refuse } from "./written/refuse.ts";
import { field } from "./spec-flag.ts";

const security = (spec: ContainerSpec): SecuritySpec => (spec.security ??= {});

export const securityFlags = {
  capAdd: field(list({ help: "Add capabilities to the container" }), (spec, names) => {
    security(spec).capAdd = [...names];
  }),
  capDrop: field(list({ help: "Drop capabilities from the container" }), (spec, names) => {
    security(spec).capDrop = [...names];
  }),
  cgroupns: field(text({ help: "cgroup namespace to use" }), (spec, written) => {
    spec.namespaces = { ...spec.namespaces, cgroup: readNamespace(written) };
  }),
  gidmap: field(list({ help: "GID map to use for the user namespace" }), (spec, lines) => {
    spec.gidMap = lines.flatMap(line => readIdMaps(line, "GID"));
  }),
  ipc: field(text({ help: "IPC namespace to use" }), (spec, written) => {
    spec.namespaces = { ...spec.namespaces, ipc: readIpc(written) };
  }),
  privileged: field(toggle({ help: "Give extended privileges to container" }), (spec, on) => {
    security(spec).privileged = on;
  }),
  readOnly: field(toggle({ help: "Make containers root filesystem read-only" }), (spec, on) => {
    security(spec).readOnlyRoot = on;
  }),
  readOnlyTmpfs: field(
    toggle({
      help: "When running --read-only containers mount read-write tmpfs on /dev, /dev/shm, /run, /tmp and /var/tmp",
      fallback: true,
    }),
    (spec, on) => {
      security(spec).readWriteTmpfs = on;
    },
  ),
  seccompPolicy: field(text({ help: "Policy for selecting a seccomp profile (experimental)", shown: '"default"' }), (spec, policy) => {
    if (policy !== "default" && policy !== "image") throw refuse(`invalid seccomp policy ${JSON.stringify(policy)}: valid policies are ["default" "image"]`);
    if (policy === "image") throw refuse("cannot take the seccomp profile from the image: not built yet; name a profile with --security-opt seccomp=FILE");
    security(spec).seccompPolicy = policy;
  }),
  secret: field(texts({ help: "Add secret to container" }), (spec, written) => {
    spec.secrets = written.map(readSecret);
  }),
  securityOpt: field(texts({ help: "Security Options" }), (spec, options) => {
    for (const option of options) readSecurityOption(security(spec), option);
  }),
  subgidname: field(text({ help: "Name of range listed in /etc/subgid for use in user namespace" }), (spec, name) => {
    spec.subgidName = name;
  }),
  subuidname: field(text({ help: "Name of range listed in /etc/subuid for use in user namespace" }), (spec, name) => {
    spec.subuidName = name;
  }),
  sysctl: field(list({ help: "Sysctl options", complete: sysctlNames }), (spec, lines) => {
    spec.sysctl = readSysctl(lines);
  }),
  uidmap: field(list({ help: "UID map to use for the user namespace" }), (spec, lines) => {
    spec.uidMap = lines.flatMap(line => readIdMaps(line, "UID"));
  }),
  userns: field(text({ help: "User namespace to use" }), (spec, written) => {
    spec.namespaces = { ...spec.namespaces, user: readUserns(written) };
  }),
} as const;
