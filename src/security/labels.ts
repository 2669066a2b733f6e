// SELinux labels of a container's process and files; none at all on kernels without SELinux.
// Source: selinux(8), podman-run(1) "--security-opt label=".

import { existsSync } from "node:fs";

export interface Labels {
  readonly process: string;
  readonly mount: string;
}

/** Whether the running kernel has SELinux and a policy is loaded. */
export function isSelinuxEnabled(): boolean {
  return existsSync("/sys/fs/selinux/enforce");
}

/** Both "" where labels are off. */
export const noLabels: Labels = { process: "", mount: "" };
