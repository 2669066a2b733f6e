// AppArmor: which profile a container's process gets; nothing at all where the kernel does not have it switched on.
// Source: apparmor(7); containers.conf(5), apparmor_profile; podman-run(1), --security-opt apparmor=.

import { readFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";

const enabledPath = "/sys/module/apparmor/parameters/enabled";
const profilesPath = "/sys/kernel/security/apparmor/profiles";

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What the kernel says; read once and handed in, so that the choice itself is pure. */
export interface ApparmorHost {
  readonly isEnabled: boolean;
  /** Text of the kernel's list: "NAME (mode)" in each line; "" where it cannot be read. */
  readonly loaded: string;
}

export function apparmorHost(): ApparmorHost {
  const isEnabled = textOf(enabledPath).startsWith("Y");
  return { isEnabled, loaded: isEnabled ? textOf(profilesPath) : "" };
}

export interface ApparmorChoice {
  /** Of --security-opt apparmor=: a profile's name or "unconfined"; absent or "" was not asked for. */
  readonly asked?: string | undefined;
  readonly privileged?: boolean | undefined;
  /** containers.conf's apparmor_profile: taken only where the kernel has loaded it. */
  readonly configured?: string | undefined;
}

/**
 * The runtime's apparmorProfile, or undefined for none. What was asked for passes through as it is: whether it is loaded
 * is the kernel's to say.
 *
 * @throws Fault "usage.invalid" when a profile was asked for and the kernel has no AppArmor
 */
export function apparmorOf({ asked, privileged, configured }: ApparmorChoice, host: ApparmorHost = apparmorHost()): string | undefined {
  if (!host.isEnabled) {
    if (!asked || asked === "unconfined") return undefined;
    throw new Fault("usage.invalid", `apparmor profile "${asked}" specified, but Apparmor is not enabled on this system`, {
      hint: "leave the option out, or boot a kernel with AppArmor",
    });
  }
  if (asked) return asked;
  return !privileged && configured && isLoaded(configured, host.loaded) ? configured : undefined;
}

const isLoaded = (name: string, loaded: string): boolean =>
  loaded.split("\n").some(line => line.replace(/ \([a-z]+\)$/, "") === name);
