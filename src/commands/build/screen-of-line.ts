// Whether a build is drawn on the terminal as it runs, and what else is printed meanwhile.

import { isLogged, logLine } from "../../base/log.ts";
import type { BuildRequest } from "../../build/request.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { newScreen, type Screen } from "../../cli/screen.ts";
import { prompter } from "../short-name-prompt.ts";
import type { BuildFlags } from "./flags.ts";

/** A person watches, and nothing but what is shown is wanted of the build's words. */
export function screenOf({ flags }: { readonly flags: BuildFlags }): Screen | undefined {
  if (flags.progress !== "tty" && flags.progress !== "auto") return undefined;
  if (flags.quiet || flags.plan || flags.stdin || flags.logfile !== undefined) return undefined;
  if (flags.progress === "auto" && !(isTerminal(1) && isTerminal(2) && process.env["TERM"] !== "dumb")) return undefined;
  return newScreen();
}

export const printed = (screen: Screen) => (data: string | Uint8Array): void => {
  const text = typeof data === "string" ? data : new TextDecoder().decode(data);
  screen.print(text.endsWith("\n") ? text : `${text}\n`);
};

export function promptOn(screen: Screen): BuildRequest["prompt"] {
  const prompt = prompter();
  return prompt && (async (...asked) => {
    screen.clear();
    return prompt(...asked);
  });
}

export const warningsOn = (screen: Screen) => (message: string): void => {
  if (isLogged("warning")) screen.print(`${logLine("warning", message)}\n`);
};
