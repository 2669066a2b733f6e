// From the flags about images to what the image room wants: credentials, platform, progress lines.

import { accessSync } from "node:fs";
import { parseGoDuration } from "../base/duration.ts";
import { Fault, errnoOf } from "../base/fault.ts";
import type { Retries } from "../base/retries.ts";
import { plainProgress, type OnProgress } from "../image/progress.ts";
import type { ImageSystem } from "../image/system.ts";
import type { Invocation } from "./verb.ts";

export interface RegistryFlags {
  readonly authfile?: string | undefined;
  readonly certDir?: string | undefined;
  readonly creds?: string | undefined;
  readonly tlsVerify?: boolean;
  readonly signaturePolicy?: string | undefined;
  readonly retry?: number | undefined;
  readonly retryDelay?: string | undefined;
  readonly platform?: string | undefined;
  readonly os?: string | undefined;
  readonly arch?: string | undefined;
  readonly variant?: string | undefined;
  readonly decryptionKey?: readonly string[] | undefined;
  readonly blobCache?: string | undefined;
}

export type PullPolicy = "always" | "missing" | "never" | "newer";

/** @throws Fault "usage.invalid" */
export function readPullPolicy(word: string): PullPolicy {
  const policy = word.toLowerCase();
  if (policy === "true" || policy === "ifnotpresent" || policy === "ifmissing" || policy === "") return "missing";
  if (policy === "false") return "never";
  if (policy === "ifnewer") return "newer";
  if (policy === "always" || policy === "missing" || policy === "never" || policy === "newer" ) return policy;
  throw new Fault("usage.invalid", `unsupported pull policy "${word}"`, { hint: "use always, missing, never or newer" });
}

/** What the image room needs; only what the person wrote differs from the machine's own settings. */
export function imageSystem(context: Invocation, flags: RegistryFlags, given: ReadonlySet<string>): ImageSystem {
  if (flags.platform !== undefined && (given.has("os") || given.has("arch"))) {
    throw new Fault("usage.invalid", "--platform option can not be specified with --arch or --os");
  }
  if (flags.authfile && given.has("authfile")) checkAuthFile(flags.authfile);
  const platform = platformOf(flags);
  return {
    ...context.host.imageSystem,
    ...(flags.authfile ? { authFile: flags.authfile } : {}),
    ...(flags.certDir ? { certDir: flags.certDir } : {}),
    ...(flags.creds ? { credentials: readCredentials(flags.creds) } : {}),
    ...(given.has("tlsVerify") && flags.tlsVerify !== undefined ? { tlsVerify: flags.tlsVerify } : {}),
    ...(flags.signaturePolicy ? { signaturePolicy: flags.signaturePolicy } : {}),
    ...(given.has("retry") && flags.retry === 0 ? { retries: 0 } : {}),
    again: retriesOf({ context, flags, given }),
    ...(platform ? { platform } : {}),
    ...(flags.blobCache ? { blobCache: flags.blobCache } : {}),
    ...(flags.decryptionKey?.length ? { decryptionKeys: flags.decryptionKey } : {}),
  };
}

interface Retrying {
  readonly context: Invocation;
  readonly flags: Pick<RegistryFlags, "retry" | "retryDelay">;
  readonly given: ReadonlySet<string>;
}

const retriesDefault = 3;

/**
 * How often to try again: only where the person or containers.conf asked, else a closed port is told at once.
 *
 * @throws Fault "usage.invalid" for a delay that is none
 */
export function retriesOf({ context, flags, given }: Retrying): Retries {
  const { retry, retry_delay: delay } = context.host.conf.engine;
  const delayText = flags.retryDelay || delay;
  const isAsked = given.has("retry") || given.has("retryDelay") || retry !== undefined;
  return { times: isAsked ? (flags.retry ?? retry ?? retriesDefault) : 0, ...(delayText ? { delayMs: readDelayMs(delayText) } : {}) };
}

function readDelayMs(written: string): number {
  try {
    return parseGoDuration(written) / 1e6;
  } catch (cause) {
    throw new Fault("usage.invalid", (cause as Error).message, { cause });
  }
}

/** @throws Fault "config.invalid" when it cannot be read */
export function checkAuthFile(path: string): void {
  try {
    accessSync(path);
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : errnoOf(cause) === "EACCES" ? "permission denied" : String(cause);
    throw new Fault("config.invalid", `credential file is not accessible: faccessat ${path}: ${reason}`, { cause, hint: "log in first, or name another file with --authfile" });
  }
}

function platformOf(flags: RegistryFlags): ImageSystem["platform"] {
  const [os, architecture, variant] = flags.platform?.split("/") ?? [flags.os, flags.arch, flags.variant];
  if (!os && !architecture && !variant) return undefined;
  return { ...(os ? { os } : {}), ...(architecture ? { architecture } : {}), ...(variant ? { variant } : {}) };
}

/** "USER:PASSWORD"; a user alone has an empty password. */
export function readCredentials(text: string): NonNullable<ImageSystem["credentials"]> {
  const colon = text.indexOf(":");
  if (colon === 0 || text === "") throw new Fault("usage.invalid", "credentials can't be empty", { hint: "write them as USERNAME:PASSWORD" });
  return { username: colon < 0 ? text : text.slice(0, colon), password: colon < 0 ? "" : text.slice(colon + 1) };
}

/** Lines on standard error, none when quiet. */
export function progressOf(context: Invocation, quiet: boolean): OnProgress {
  return plainProgress(quiet ? () => {} : (line) => context.err(line));
}
