// --pid, --ipc, --uts, --userns and --cgroupns as written.
// Source: podman-run(1).

import type { NamespaceMode } from "../../../base/container-spec.ts";
import { cut, refuse } from "./refuse.ts";

/** pid, uts, cgroup: private, host, container:ID, ns:PATH. */
export function readNamespace(written: string): NamespaceMode {
  const [kind, target] = cut(written, ":");
  if (written === "" || written === "private" || written === "default") return { kind: "private" };
  if (written === "host" || written === "pod") return { kind: written };
  if (kind === "ns" && target) return { kind: "path", target };
  if (kind === "container" && target) return { kind: "container", target };
  throw refuse(`unrecognized namespace mode ${written} passed`, "use private, host, container:ID or ns:PATH");
}

export function readIpc(written: string): NamespaceMode {
  if (written === "shareable" || written === "none") return { kind: written };
  return readNamespace(written);
}

export function readUserns(written: string): NamespaceMode {
  const [kind, options] = cut(written, ":");
  if (kind === "keep-id" || kind === "auto" || kind === "nomap") {
    if (kind === "nomap" && options !== undefined) throw refuse(`unrecognized namespace mode ${written} passed`);
    return options === undefined ? { kind } : { kind, target: options };
  }
  return readNamespace(written);
}
