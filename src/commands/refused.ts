// Verbs of the original that this build does not have: refused by name, with the reason, and shown in no list.

import { group, type Entry, type Group } from "../cli/command.ts";
import type { Invocation } from "./verb.ts";

/** @param reason goes behind "cannot run "podman …": " */
export function refused(summary: string, reason: string): Entry<Invocation> {
  return [summary, async () => ({ default: (await import("./refused-verb.ts")).refusedVerb(reason) }), { hidden: true }];
}

/** A whole group of them; help about it still lists what it would have. */
export function refusedGroup(summary: string, verbs: Readonly<Record<string, string>>, reason: string): Group<Invocation> {
  const contents = Object.fromEntries(Object.entries(verbs).map(([name, about]) => [name, refused(about, reason)]));
  return group(summary, contents, { hidden: true });
}

const noPods = "there are no pods in this build yet";
const noService = "remote use is not built yet; this program works on this machine only";

export const refusedPods = {
  clone: refused("Clone an existing pod", noPods),
  create: refused("Create a new empty pod", noPods),
  exists: refused("Check if a pod exists in local storage", noPods),
  inspect: refused("Display a pod configuration", noPods),
  logs: refused("Fetch logs for pod with one or more containers", noPods),
  pause: refused("Pause one or more pods", noPods),
  prune: refused("Remove all stopped pods and their containers", noPods),
  restart: refused("Restart one or more pods", noPods),
  start: refused("Start one or more pods", noPods),
  stats: refused("Display a live stream of resource usage statistics for the containers in one or more pods", noPods),
  stop: refused("Stop one or more pods", noPods),
  top: refused("Display the running processes of containers in a pod", noPods),
  unpause: refused("Unpause one or more pods", noPods),
};

export const refusedConnections = {
  add: refused("Record destination for the Podman service", noService),
  default: refused("Set named destination as default", noService),
  remove: refused("Delete named destination", noService),
  rename: refused("Rename an existing destination", noService),
};

const noKube = "Kubernetes YAML is not built yet";
const kube = {
  apply: refused("Deploy a podman container, pod, volume, or Kubernetes yaml to a Kubernetes cluster", noKube),
  down: refused("Remove pods based on Kubernetes YAML", noKube),
  generate: refused("Generate Kubernetes YAML from containers, pods or volumes.", noKube),
  play: refused("Play a pod or volume based on Kubernetes YAML", noKube),
};

const machineVerbs = ["cp", "info", "init", "inspect", "list", "os", "reset", "rm", "set", "ssh", "start", "stop"];
const farmVerbs = ["build", "create", "list", "remove", "update"];
const quadletVerbs = ["install", "list", "print", "rm"];
const each = (names: readonly string[], summary: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, summary]));

export const refusedContents = {
  "auto-update": refused("Auto update containers according to their auto-update policy", "it needs systemd units of containers, which are not built yet"),
  compose: refused("Run compose workloads via an external provider", "the API that compose speaks is not built yet"),
  farm: refusedGroup("Farm out builds to remote machines", each(farmVerbs, "Farm out builds to remote machines"), noService),
  generate: group("Generate structured data based on containers, pods or volumes", {
    kube: refused("Generate Kubernetes YAML from containers, pods or volumes.", noKube),
    spec: refused("Generate Specgen JSON based on containers or pods", "there is no second description of a container here: see podman inspect"),
    systemd: refused("Generate systemd units", "the original itself advises against it: use podman system service-install, or a unit that runs podman"),
  }, { hidden: true }),
  kube: group("Play containers, pods or volumes from a structured file", kube, { hidden: true }),
  machine: refusedGroup("Manage a virtual machine", each(machineVerbs, "Manage a virtual machine"), "containers run on this machine itself"),
  play: group("Play containers, pods or volumes from a structured file", { kube: kube.play }, { hidden: true }),
  quadlet: refusedGroup("Manage Quadlets", each(quadletVerbs, "Manage Quadlets"), "quadlets are not built yet"),
};

export const refusedService = refused("Run API service", noService);
