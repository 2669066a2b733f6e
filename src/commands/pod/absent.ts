// What verbs of pods share while no pod can be made: every name is one that is not known.

import { readFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";

export const noSuchPod = (name?: string): Fault =>
  new Fault("container.not-found", name === undefined ? "no such pod" : `no pod with name or ID ${name} found: no such pod`);

/** The ID a --pod-id-file holds. @throws Fault "usage.invalid" */
export function readPodIdFile(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n")[0]!.trim();
  } catch (cause) {
    throw new Fault("usage.invalid", `reading pod ID file: open ${file}: ${reasonOf(cause)}`, { cause });
  }
}

const filterNames = ["ctr-ids", "ctr-names", "ctr-number", "ctr-status", "id", "label", "label!", "name", "network", "since", "before", "until", "status"];

/** @throws Fault "usage.invalid" for a filter that pods do not have */
export function checkPodFilters(filters: readonly string[]): void {
  for (const filter of filters) {
    const [name = ""] = filter.split("=");
    if (!filterNames.includes(name)) throw new Fault("usage.invalid", `${name} is an invalid filter`, { hint: `use one of ${filterNames.join(", ")}` });
  }
}
