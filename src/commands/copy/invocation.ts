// Makes a SkopeoInvocation from skopeo's options, and prints what goes wrong as skopeo does.

import { Fault } from "../../base/fault.ts";
import { log, setLogLevel } from "../../base/log.ts";
import type { Values } from "../../cli/flag.ts";
import { OutputClosed, writeErr, writeOut } from "../../cli/output.ts";
import { isTerminal } from "../../cli/prompt.ts";
import type { Hooks } from "../../cli/program.ts";
import { noPolicy } from "../../image/no-policy.ts";
import type { Policy } from "../../image/policy.ts";
import type { SkopeoGlobals } from "./globals.ts";
import type { SkopeoInvocation } from "./verb.ts";

export const skopeoHooks: Hooks<SkopeoInvocation> = {
  begin(globals) {
    setLogLevel(globals.flags["debug"] ? "debug" : "info");
    if (globals.given.has("tlsVerify")) log.warn("'--tls-verify' is deprecated, please set this on the specific subcommand");
    return undefined;
  },
  async context(start) {
    if (process.geteuid!() !== 0 && start.argv.some((word) => word.startsWith("containers-storage:"))) {
      await (await import("../../engine/rootless.ts")).enter(start.argv);
    }
    const options = start.globals.flags as Values<SkopeoGlobals>;
    const timeout = options.commandTimeout;
    const invocation: SkopeoInvocation = {
      globals: options,
      globalsGiven: start.globals.given,
      signal: timeout === undefined || timeout <= 0 ? undefined : AbortSignal.timeout(timeout),
      policy: () => policyOf(options),
      stores: {
        findStore: async () => (await import("../../engine/host.ts")).openHost().store,
        openStore: async ({ root, runroot }) =>
          (await import("../../engine/host.ts")).openHost({ root, ...(runroot === undefined ? {} : { runroot }) }).store,
      },
      exitStatus: 0,
      out: (line) => writeOut(`${line}\n`),
      write: writeOut,
      err: (line) => writeErr(`${line}\n`),
    };
    return invocation;
  },
  status: (invocation) => invocation.exitStatus,
};

async function policyOf(options: Values<SkopeoGlobals>): Promise<Policy> {
  if (options.insecurePolicy) return noPolicy();
  const { readPolicy } = await import("../../image/policy.ts");
  try {
    return readPolicy(options.policy, true);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const hint = thrown.hint === undefined ? {} : { hint: thrown.hint };
    throw new Fault(thrown.code, `Error loading trust policy: ${thrown.message}`, { cause: thrown, ...hint });
  }
}

/** One line of the log; 2 where an image is not there, else 1. */
export function failSkopeo(thrown: unknown): number {
  if (thrown instanceof OutputClosed) return 141;
  if (isTimeout(thrown)) {
    log.fatal("context deadline exceeded");
    return 1;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  log.fatal(inItsWords(error.message));
  if (!(thrown instanceof Fault)) log.debug(error.stack ?? "");
  else if (thrown.hint !== undefined && isTerminal(2)) writeErr(`${thrown.hint}\n`);
  return isMissingImage(thrown) ? 2 : 1;
}

const isTimeout = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === "TimeoutError";

/** The parser words its faults as podman does; skopeo begins them with a capital and says nothing of help. */
function inItsWords(message: string): string {
  return message.replace(/\nSee '[^'\n]*--help'$/, "").replace(/^unrecognized command/, "Unrecognized command");
}

/** What a registry calls an unknown manifest, or the same of a store, a layout or an archive of one. */
export function isMissingImage(thrown: unknown): boolean {
  for (let fault: unknown = thrown, depth = 0; fault !== undefined && depth < 8; depth++) {
    if (fault instanceof Fault && fault.code === "image.not-found") return true;
    if ((fault as { code?: unknown }).code === "MANIFEST_UNKNOWN") return true;
    fault = (fault as { cause?: unknown }).cause;
  }
  return false;
}
