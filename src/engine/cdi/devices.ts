// CDI devices of a container, such as nvidia.com/gpu=all: what their vendors' descriptions add to its spec, anew at each start.
// Source: the CDI specification, SPEC.md; podman-run(1), "--device".

import type { ContainerSpec, DeviceSpec, InjectedHook, MountSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { variables } from "../containers/environment.ts";
import type { Host } from "../host.ts";
import { findEdits, type DeviceNode, type Edits } from "./specs.ts";

const placesDefault: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

function deviceOf({ path, hostPath, permissions, fileMode, uid, gid }: DeviceNode): DeviceSpec {
  return {
    source: hostPath ?? path, target: path, access: permissions || "rwm",
    ...(fileMode === undefined ? {} : { fileMode }), ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }),
  };
}

function mountOf({ hostPath, containerPath, type = "bind", options = [] }: NonNullable<Edits["mounts"]>[number]): MountSpec {
  if (type === "tmpfs") return { kind: "tmpfs", source: "tmpfs", target: containerPath, options: [...options] };
  if (type !== "bind" && type !== "none" && type !== "") throw unsupported(`a mount of type ${JSON.stringify(type)}`);
  return { kind: "bind", source: hostPath, target: containerPath, options: [...options] };
}

const unsupported = (what: string): Fault =>
  new Fault("usage.unsupported", `setting up CDI devices: cannot give a container ${what}`, { hint: "leave out the device whose description asks for it" });

function withEdits(spec: ContainerSpec, edits: Edits): ContainerSpec {
  if (edits.netDevices !== undefined && edits.netDevices !== null) throw unsupported("a network device");
  if (edits.intelRdt !== undefined && edits.intelRdt !== null) throw unsupported("a class of Intel's resource director");
  const devices = (edits.deviceNodes ?? []).map(deviceOf);
  const mounts = (edits.mounts ?? []).map(mountOf);
  const targets = new Set([...devices, ...mounts].map(({ target }) => target));
  const others = <T extends { readonly target: string }>(list: readonly T[] | undefined): T[] => (list ?? []).filter(({ target }) => !targets.has(target));
  return {
    ...spec,
    env: { ...spec.env, ...variables([...edits.env ?? []]) },
    devices: [...others(spec.devices), ...devices],
    mounts: [...others(spec.mounts), ...mounts],
    groupAdd: [...spec.groupAdd ?? [], ...(edits.additionalGids ?? []).map(String)],
    injectedHooks: [...spec.injectedHooks ?? [], ...(edits.hooks ?? []).map(({ hookName, ...hook }): InjectedHook => ({ stage: hookName, ...hook }))],
  };
}

/** @throws Fault "runtime.failed" for a device that no description is found of */
export function withCdiDevices<R extends { readonly spec: ContainerSpec }>(host: Host, record: R): R {
  const { cdiDevices, cdiSpecDirs } = record.spec;
  if (!cdiDevices?.length) return record;
  const directories = cdiSpecDirs ?? host.options.cdiSpecDirs ?? host.conf.engine.cdi_spec_dirs ?? placesDefault;
  return { ...record, spec: findEdits(directories, cdiDevices).reduce(withEdits, record.spec) };
}
