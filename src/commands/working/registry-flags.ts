// The options about registries that buildah's verbs share, and what they mean.
// Source: buildah-pull(1), buildah-from(1), buildah-push(1).

import { Fault } from "../../base/fault.ts";
import { parseGoDuration } from "../../base/duration.ts";
import { files } from "../../cli/complete.ts";
import { list, text, toggle, whole } from "../../cli/flag.ts";
import { parsePlatform } from "../../image/platform.ts";
import type { PullPolicy } from "../../image/pull.ts";
import type { ImageSystem } from "../../image/system.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem, readCredentials } from "../pulling.ts";
import { retryFlags as retryFlagsFor } from "../shared-flags.ts";
import type { Invocation } from "../verb.ts";

export const registryFlags = {
  authfile: text({ help: "path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override", complete: files }),
  certDir: text({ help: "use certificates at the specified path to access the registry", complete: files }),
  creds: text({ secret: "whole", value: "[username[:password]]", help: "use [username[:password]] for accessing the registry" }),
  signaturePolicy: text({ value: "pathname", help: "pathname of signature policy file (not usually used)", hidden: true, complete: files }),
  tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry. TLS verification cannot be used when talking to an insecure registry.", fallback: true }),
} as const;

export const retryFlags = retryFlagsFor("push/pull");

export const platformFlags = {
  arch: text({ help: "set the ARCH of the image to the provided value instead of the architecture of the host" }),
  os: text({ value: "OS", help: "prefer OS instead of the running OS when pulling images" }),
  platform: list({
    value: "OS/ARCH[/VARIANT]",
    help: 'set the OS/ARCH[/VARIANT] of the image to the provided value instead of the current operating system and architecture of the host (for example "linux/arm")',
  }),
  variant: text({ value: "variant", help: "override the variant of the specified image" }),
} as const;

export const decryptionKey = list({ secret: "whole", help: "key needed to decrypt the image" });

interface Written {
  readonly authfile?: string | undefined;
  readonly certDir?: string | undefined;
  readonly creds?: string | undefined;
  readonly signaturePolicy?: string | undefined;
  readonly tlsVerify?: boolean;
  readonly retry?: number | undefined;
  readonly retryDelay?: string | undefined;
  readonly os?: string | undefined;
  readonly arch?: string | undefined;
  readonly variant?: string | undefined;
  readonly platform?: readonly string[];
  readonly decryptionKey?: readonly string[];
  readonly blobCache?: string | undefined;
}

/** What the image room needs to know. @throws Fault in buildah's words */
export function systemOf(context: Invocation, flags: Written, given: ReadonlySet<string>): ImageSystem {
  const { platform: platforms = [], creds, retryDelay, ...rest } = flags;
  const system = imageSystem(context, rest, given);
  const platform = platformOf(flags, platforms);
  return {
    ...system,
    ...(platform ? { platform } : {}),
    ...(given.has("creds") ? { credentials: readCredentials(creds ?? "") } : {}),
    ...(retryDelay && system.again ? { again: { ...system.again, delayMs: readDelay(retryDelay) } } : {}),
  };
}

function readDelay(written: string): number {
  try {
    return parseGoDuration(written) / 1e6;
  } catch (cause) {
    throw new Fault("usage.invalid", `unable to parse value provided ${JSON.stringify(written)} as --retry-delay: ${(cause as Error).message}`, { cause });
  }
}

function platformOf({ os, arch, variant }: Written, platforms: readonly string[]): ImageSystem["platform"] {
  const [first] = platforms;
  if (first === undefined) {
    if (!os && !arch && !variant) return undefined;
    return { ...(os ? { os } : {}), ...(arch ? { architecture: arch } : {}), ...(variant ? { variant } : {}) };
  }
  if (os || arch || variant) throw refuse("invalid --platform may not be used with --os, --arch, or --variant");
  return parsePlatform(first);
}

/** --pull, --pull-always and --pull-never. */
export function pullPolicyOf(flags: { readonly pull: string; readonly pullAlways: boolean; readonly pullNever: boolean }, given: ReadonlySet<string>): PullPolicy {
  if (["pull", "pullAlways", "pullNever"].filter((key) => given.has(key)).length > 1) {
    throw refuse("can only set one of 'pull' or 'pull-always' or 'pull-never'");
  }
  if (flags.pullAlways) return "always";
  if (flags.pullNever) return "never";
  const words: Readonly<Record<string, PullPolicy>> = {
    missing: "missing", ifmissing: "missing", notpresent: "missing", true: "always", always: "always", false: "never", never: "never",
    ifnewer: "newer", newer: "newer",
  };
  const policy = words[flags.pull.toLowerCase()];
  if (policy === undefined) throw refuse(`unrecognized pull policy ${JSON.stringify(flags.pull)}`);
  return policy;
}

/** --format of from and commit. */
export function formatOf(written: string | undefined): "oci" | "docker" {
  const format = written ?? (process.env["BUILDAH_FORMAT"] || "oci");
  if (format === "oci" || format === "docker") return format;
  throw refuse(`unrecognized image type ${JSON.stringify(format)}`);
}
