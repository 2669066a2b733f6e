// docker-credential-NAME programs, which keep secrets in a keyring of the system.
// Source: docker-credential-helpers, the protocol in its README.

import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { Credentials } from "./client.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Verb = "get" | "store" | "erase" | "list";

const timeoutMs = 60_000;
const outputBytesMax = 1024 * 1024;

/** undefined when the helper has none for `host`. */
export async function askHelper(helper: string, host: string, environment: Environment): Promise<Credentials | undefined> {
  const answer = await run(helper, "get", host, environment);
  if (answer === undefined) return undefined;
  const { Username: username, Secret: secret } = objectIn(answer, helper);
  if (typeof username !== "string" || typeof secret !== "string") throw talksNonsense(helper);
  if (username === "" && secret === "") return undefined;
  return username === "<token>" ? { identityToken: secret } : { username, password: secret };
}

export async function storeWithHelper(
  helper: string,
  entry: { readonly host: string; readonly username: string; readonly password: string },
  environment: Environment,
): Promise<void> {
  const message = { ServerURL: entry.host, Username: entry.username, Secret: entry.password };
  await run(helper, "store", JSON.stringify(message), environment);
}

/** Whether there was anything to erase. */
export async function eraseWithHelper(helper: string, host: string, environment: Environment): Promise<boolean> {
  if ((await run(helper, "get", host, environment)) === undefined) return false;
  return (await run(helper, "erase", host, environment)) !== undefined;
}

/** The hosts the helper knows. */
export async function listHelper(helper: string, environment: Environment): Promise<string[]> {
  return Object.keys(objectIn((await run(helper, "list", "", environment)) || "{}", helper));
}

/** Its standard output; undefined when it says that it has no such credentials. */
async function run(helper: string, verb: Verb, input: string, environment: Environment): Promise<string | undefined> {
  const name = `docker-credential-${helper}`;
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(helper)) {
    throw new Fault("config.invalid", `cannot use credential helper ${JSON.stringify(helper.slice(0, 120))}: not a program's name`);
  }
  const { findProgram, spawnSync } = await import("../base/spawn.ts");
  const places = environment["PATH"]?.split(":").filter(Boolean);
  const program = findProgram(name, places);
  if (!program) {
    throw new Fault("component.missing", `error getting credentials - err: exec: "${name}": executable file not found in $PATH`, {
      hint: `install ${name}, or take it out of credHelpers in auth.json and credential-helpers in registries.conf`,
    });
  }
  log.debug(`running ${name} ${verb}`);
  const done = spawnSync([program, verb], { stdin: input, env: environment, timeoutMs, outputBytesMax });
  const text = done.text();
  if (done.status === 0) return text;
  if (/credentials not found/i.test(text + done.complaint())) return undefined;
  const reason = (text.trim() || done.complaint() || `exit status ${done.status}`).split("\n")[0]!;
  throw new Fault("component.failed", `error getting credentials - err: ${name} ${verb}: ${reason}`);
}

function objectIn(text: string, helper: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below; the text may hold a secret and is not shown.
  }
  throw talksNonsense(helper);
}

const talksNonsense = (helper: string): Fault =>
  new Fault("component.failed", `error getting credentials - err: docker-credential-${helper}: its answer is not what the protocol says`);
