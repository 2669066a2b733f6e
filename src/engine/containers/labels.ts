// SELinux labels of containers: given at create, unique among all containers, and put on what they mount.
// Source: podman-run(1), "--security-opt label=", "Labeling Volume Mounts".

import type { ContainerSpec, MountSpec } from "../../base/container-spec.ts";
import { isSelinuxEnabled, labelsOf, noLabels, optionsLike, parseContext, policyContexts, sharedLabel, type Labels } from "../../security/labels.ts";
import { checkRelabel, relabelFile, relabelTree } from "../../security/selinux/relabel.ts";
import type { Host } from "../host.ts";

/** The spec with its labels; as it was where the kernel has no SELinux. To be called in the transaction that inserts it. */
export function withLabels(host: Host, spec: ContainerSpec): ContainerSpec {
  const { process, mount } = findLabels(host, spec);
  return process === "" && mount === "" ? spec : { ...spec, security: { ...spec.security, processLabel: process, mountLabel: mount } };
}

function findLabels(host: Host, spec: ContainerSpec): Labels {
  if (!isSelinuxEnabled()) return noLabels;
  const contexts = policyContexts();
  if (contexts === undefined) return noLabels;
  const isOff = (host.conf.containers.label ?? true) === false;
  const taken = new Set(host.state.containers().map(({ spec: other }) => levelOf(other)));
  return labelsOf({ contexts, isTaken: level => taken.has(level), options: isOff ? ["disable"] : wishesOf(host, spec) });
}

const levelOf = ({ security }: ContainerSpec): string => (security?.processLabel ? parseContext(security.processLabel).level : "");

/** Those who see all processes of the host, or another container's, cannot have a label of their own. */
function wishesOf(host: Host, { security, namespaces }: ContainerSpec): string[] {
  const asked = [...security?.labels ?? [], ...(security?.learn ? [`type:${security.learn.name}.process`] : [])];
  const shared = [namespaces?.pid, namespaces?.ipc];
  if (security?.privileged || shared.some(mode => mode?.kind === "host")) return ["disable", ...asked];
  const other = shared.find(mode => mode?.kind === "container")?.target;
  const label = other === undefined ? undefined : host.state.findById(other)?.spec.security?.processLabel;
  return label === undefined ? asked : [...optionsLike(label), ...asked];
}

/** Of what all containers share; undefined without SELinux. */
function sharedFileLabel(): string | undefined {
  const file = isSelinuxEnabled() ? policyContexts()?.file : undefined;
  return file === undefined ? undefined : sharedLabel(file);
}

/** How a root in the making is mounted, whoever does it: builder, steps and people have it mounted in turn, so it is one label without categories. */
export function rootInTheMaking(): { readonly label?: string } {
  const label = sharedFileLabel();
  return label === undefined ? {} : { label };
}

/** For a step of a build: a process label of its own, over a root in the making. */
export function withStepLabels(host: Host, spec: ContainerSpec): ContainerSpec {
  const labelled = withLabels(host, spec);
  const { label } = rootInTheMaking();
  return label === undefined ? labelled : { ...labelled, security: { ...labelled.security, mountLabel: label } };
}

/** :z for all containers, :Z for this one. @throws Fault "usage.invalid" for directories of the system */
export function relabelMount(spec: ContainerSpec, { relabel, kind }: MountSpec, source: string): void {
  const label = spec.security?.mountLabel;
  if (relabel === undefined || !label || (kind !== "bind" && kind !== "volume")) return;
  checkRelabel(source);
  relabelTree(source, relabel === "shared" ? sharedLabel(label) : label);
}

/** Files that we write for the container. */
export function labelFiles(spec: ContainerSpec, paths: Iterable<string>): void {
  const label = spec.security?.mountLabel;
  if (label) for (const path of new Set(paths)) relabelTree(path, label);
}

/** A new volume, for every container that will use it. */
export function labelVolume(path: string): void {
  const label = sharedFileLabel();
  if (label !== undefined) relabelFile(path, label);
}
