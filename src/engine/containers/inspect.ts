// inspect: podman's JSON of one container, whole.
// Source: podman-container-inspect(1).

import { driverName } from "../store-status.ts";
import { Fault } from "../../base/fault.ts";
import type { Host } from "../host.ts";
import { find } from "./lookup.ts";
import { capabilitiesOf, configOf, hostConfigOf, mountsOf } from "./inspect-config.ts";
import { networkSettings } from "./inspect-network.ts";
import { runtimeName } from "./runtime-choice.ts";
import { observe } from "./observe.ts";
import { cgroupManagerOf } from "./config-facts.ts";
import { writableBytes } from "./writable-bytes.ts";
import { cgroupOfProcess } from "../../runtime/cgroups.ts";
import type { ContainerRecord } from "../state/state.ts";

/** podman's InspectContainerData; fields are in its order. */
export type InspectContainer = Record<string, unknown> & { Id: string; Name: string };

const never = "0001-01-01T00:00:00Z";

function stateOf(host: Host, { id, spec, state }: ContainerRecord): Record<string, unknown> {
  const runs = state.status === "running" || state.status === "paused" || state.status === "stopping";
  const cgroup = runs && state.pid ? cgroupOfProcess(state.pid) : "";
  return {
    OciVersion: "1.2.1",
    Status: state.status === "stopped" ? "exited" : state.status,
    Running: state.status === "running", Paused: state.status === "paused", Restarting: false,
    OOMKilled: state.oomKilled ?? false, Dead: false,
    Pid: state.pid ?? 0, ...(state.conmonPid ? { ConmonPid: state.conmonPid } : {}),
    ExitCode: state.exitCode ?? 0, Error: state.error ?? "",
    StartedAt: state.startedAt ?? never, FinishedAt: state.finishedAt ?? never,
    ...(state.health ? { Health: { Status: state.health.status, FailingStreak: state.health.failingStreak, Log: state.health.log } } : {}),
    Checkpointed: state.checkpointed ?? false,
    ...(cgroup ? { CgroupPath: cgroup } : {}),
    CheckpointedAt: state.checkpointedAt ?? never, RestoredAt: state.restoredAt ?? never,
    ...(state.checkpointLog ? { CheckpointLog: state.checkpointLog } : {}), ...(state.checkpointPath ? { CheckpointPath: state.checkpointPath } : {}),
    ...(state.restoreLog ? { RestoreLog: state.restoreLog } : {}),
    ...(state.restored ? { Restored: true } : {}),
    StoppedByUser: state.stoppedByUser ?? false,
  };
}

function sizes(host: Host, { id, spec }: ContainerRecord): { SizeRw: number; SizeRootFs: number } {
  const rw = writableBytes(host, id);
  const image = spec.imageId ? host.store.images.get(spec.imageId)?.size ?? 0 : 0;
  return { SizeRw: rw, SizeRootFs: image + rw };
}

function graphDriver(host: Host, { id, spec }: ContainerRecord): Record<string, unknown> {
  const { roots } = host.store;
  if (spec.rootfs || !roots.find(id)) return { Name: driverName(host.store.driver()), Data: {} };
  if (roots.driver(id) === "copy") return { Name: "vfs", Data: { dir: roots.path(id) } };
  const { lower, upper, work } = roots.overlayPaths(id);
  const lowers = lower.length > 0 ? { LowerDir: lower.join(":") } : {};
  const mounted = roots.isMounted(id) ? { MergedDir: roots.path(id) } : {};
  return { Name: "overlay", Data: { ...lowers, ...mounted, UpperDir: upper, WorkDir: work } };
}

/** @throws Fault "container.not-found", worded `no such container "x"` */
export function inspect(host: Host, nameOrId: string, options: { size?: boolean } = {}): InspectContainer {
  const found = find(host, nameOrId);
  if (!found) throw new Fault("container.not-found", `no such container ${JSON.stringify(nameOrId)}`);
  const record = observe(host, found);
  const { id, name, spec, state } = record;
  const [path = "", ...args] = spec.argv ?? [];
  const capabilities = capabilitiesOf(host, spec).all;
  const runDir = host.paths.runDir(id);
  const files = state.bindMounts ?? {};
  return {
    Id: id,
    Created: state.createdAt,
    Path: path,
    Args: args.length > 0 ? args : path === "" ? [] : [path],
    State: stateOf(host, record),
    Image: spec.imageId ?? "",
    ImageDigest: spec.imageId ? host.store.images.get(spec.imageId)?.manifest.digest ?? "" : "",
    ImageName: spec.imageReference ?? spec.imageName ?? "",
    Rootfs: spec.rootfs?.path ?? "",
    Pod: spec.pod ?? "",
    ResolvConfPath: files["/etc/resolv.conf"] ?? "", HostnamePath: files["/etc/hostname"] ?? "", HostsPath: files["/etc/hosts"] ?? "",
    StaticDir: host.paths.staticDir(id),
    ...(state.bundle ? { OCIConfigPath: `${state.bundle}/config.json` } : {}),
    OCIRuntime: spec.runtime ?? runtimeName(host),
    ConmonPidFile: spec.conmonPidfile ?? `${runDir}/conmon.pid`, PidFile: spec.pidfile ?? `${runDir}/pidfile`,
    Name: name,
    RestartCount: state.restartCount ?? 0,
    Driver: "overlay",
    MountLabel: spec.security?.mountLabel ?? "", ProcessLabel: spec.security?.processLabel ?? "", AppArmorProfile: spec.security?.apparmor ?? "",
    EffectiveCaps: !spec.user || /^(0|root)(:|$)/.test(spec.user) ? capabilities : null, BoundingCaps: capabilities,
    ExecIDs: host.state.execs(id).filter(({ exitCode }) => exitCode === undefined).map(session => session.id),
    GraphDriver: graphDriver(host, record),
    ...(options.size ? sizes(host, record) : {}),
    Mounts: mountsOf(host, record),
    Dependencies: spec.requires ?? [],
    NetworkSettings: networkSettings(record),
    Namespace: "", IsInfra: spec.isInfra ?? false, IsService: false, KubeExitCodePropagation: "invalid", lockNumber: 0,
    Config: configOf(record),
    HostConfig: hostConfigOf(host, record),
    UseImageHosts: spec.noHosts ?? false, UseImageHostname: spec.noHostname ?? false,
  };
}
