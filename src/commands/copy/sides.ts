// The options of one side of a copy, and what the image room makes of them.
// Source: skopeo-copy(1), skopeo-inspect(1).

import { Fault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { duration, text, toggle, whole, type FlagTable } from "../../cli/flag.ts";
import type { ImageSystem } from "../../image/system.ts";
import type { World } from "../../image/transport.ts";
import { compatibleSkopeo } from "../version.ts";
import type { SkopeoInvocation } from "./verb.ts";

/** "" where a verb has one image only. */
export type Side = "" | "src" | "dest";

const authfileHelp = "path of the registry credentials file. Default is ${XDG_RUNTIME_DIR}/containers/auth.json";
const credsHelp = "Use USERNAME[:PASSWORD] for accessing the registry";
const tlsHelp = "require HTTPS and verify certificates when talking to the container registry or daemon";

export const authfile = text({ help: authfileHelp, complete: files });

/** --tls-verify of verbs with two sides, where it stood for both. */
export const oldTlsVerify = toggle({ help: "require HTTPS and verify certificates when accessing the container registry", hidden: true });

export const retryFlags = {
  retryDelay: duration({ help: "Fixed delay between retries. If not set, retry uses an exponential backoff delay." }),
  retryTimes: whole({ help: "the number of times to possibly retry" }),
} as const;

const keyOf = (side: Side, name: string): string => (side === "" ? name : side + name.charAt(0).toUpperCase() + name.slice(1));

function named(side: Side, table: FlagTable): FlagTable {
  return Object.fromEntries(Object.entries(table).map(([name, flag]) => [keyOf(side, name), flag]));
}

/** Options about a registry. */
export function registryFlags(side: Side): FlagTable {
  const old = side === "src" ? ["screds"] : side === "dest" ? ["dcreds"] : [];
  return named(side, {
    ...(side === "" ? {} : { authfile }),
    certDir: text({ value: "PATH", help: "use certificates at PATH (*.crt, *.cert, *.key) to connect to the registry or daemon", complete: files }),
    creds: text({ secret: "whole", value: "USERNAME[:PASSWORD]", help: credsHelp, aliases: old }),
    noCreds: toggle({ help: "Access the registry anonymously" }),
    password: text({ secret: "whole", help: "Password for accessing the registry" }),
    registryToken: text({ secret: "whole", help: "Provide a Bearer token for accessing the registry" }),
    tlsVerify: toggle({ help: tlsHelp }),
    username: text({ help: "Username for accessing the registry" }),
  });
}

/** Options about an image by any transport. */
export function imageFlags(side: Side): FlagTable {
  return {
    ...registryFlags(side),
    ...named(side, {
      daemonHost: text({ value: "HOST", help: "use docker daemon host at HOST (docker-daemon: only)" }),
      sharedBlobDir: text({ value: "DIRECTORY", help: "DIRECTORY to use to share blobs across OCI repositories", complete: files }),
    }),
  };
}

export interface Written {
  readonly context: SkopeoInvocation;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly given: ReadonlySet<string>;
}

/** @throws Fault "usage.invalid" with skopeo's words where options contradict each other */
export function sideSystem({ context, flags, given }: Written, side: Side): ImageSystem {
  const { globals } = context;
  const has = (name: string): boolean => given.has(keyOf(side, name));
  const textOf = (name: string): string | undefined => (flags[keyOf(side, name)] as string | undefined) || undefined;
  const credentials = credentialsOf({ has, textOf });
  const authFile = textOf("authfile") ?? (flags["authfile"] as string | undefined);
  const tlsVerify = has("tlsVerify")
    ? (flags[keyOf(side, "tlsVerify")] as boolean)
    : given.has("tlsVerify") ? (flags["tlsVerify"] as boolean) : context.globalsGiven.has("tlsVerify") ? globals.tlsVerify : undefined;
  const agent = `skopeo/${compatibleSkopeo}`;
  return defined({
    registriesConf: globals.registriesConf,
    registriesDir: globals["registries.d"],
    tmpDir: globals.tmpdir,
    userAgent: globals.userAgentPrefix ? `${globals.userAgentPrefix} ${agent}` : agent,
    platform: platformOf(globals),
    signal: context.signal,
    certDir: textOf("certDir"),
    registryToken: textOf("registryToken"),
    sharedBlobDir: textOf("sharedBlobDir"),
    daemonHost: textOf("daemonHost"),
    authFile: authFile || undefined,
    tlsVerify,
    credentials,
    retries: given.has("retryTimes") ? Math.max(0, flags["retryTimes"] as number) : undefined,
    retryDelayMs: given.has("retryDelay") ? (flags["retryDelay"] as number) : undefined,
  });
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

function platformOf({ overrideOs, overrideArch, overrideVariant }: SkopeoInvocation["globals"]): ImageSystem["platform"] {
  if (!overrideOs && !overrideArch && !overrideVariant) return undefined;
  return defined({ os: overrideOs || undefined, architecture: overrideArch || undefined, variant: overrideVariant || undefined });
}

interface Look {
  readonly has: (name: string) => boolean;
  readonly textOf: (name: string) => string | undefined;
}

function credentialsOf({ has, textOf }: Look): ImageSystem["credentials"] {
  const refuse = (message: string): Fault => new Fault("usage.invalid", message);
  if (has("creds") && has("noCreds")) throw refuse("creds and no-creds cannot be specified at the same time");
  if (has("username") && has("noCreds")) throw refuse("username and no-creds cannot be specified at the same time");
  if (has("creds") && has("username")) throw refuse("creds and username cannot be specified at the same time");
  if (has("username") && !has("password")) throw refuse("password must be specified when username is specified");
  if (has("password") && !has("username")) throw refuse("username must be specified when password is specified");
  if (has("noCreds")) return {};
  if (has("username")) return { username: textOf("username") ?? "", password: textOf("password") ?? "" };
  if (!has("creds")) return undefined;
  const creds = textOf("creds") ?? "";
  if (creds === "") throw refuse("credentials can't be empty");
  const colon = creds.indexOf(":");
  if (colon === 0) throw refuse("username can't be empty");
  return { username: colon < 0 ? creds : creds.slice(0, colon), password: colon < 0 ? "" : creds.slice(colon + 1) };
}

export const worldOf = (context: SkopeoInvocation, system: ImageSystem): World => ({ system, ...context.stores });

/** The other wording of a fault from below. */
export async function said<T>(prefix: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const hint = thrown.hint === undefined ? {} : { hint: thrown.hint };
    throw new Fault(thrown.code, `${prefix}: ${thrown.message}`, { cause: thrown, ...hint });
  }
}

export const transportsHelp =
  "Supported transports:\n  containers-storage, dir, docker, docker-archive, docker-daemon, oci, oci-archive, sif, tarball\n\n" +
  '  See skopeo(1) section "IMAGE NAMES" for the expected format';
