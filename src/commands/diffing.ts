// How the three diff verbs print changes: one a line, or as JSON.
// Source: podman-diff(1).

import { goJson } from "../base/go-json.ts";
import { text } from "../cli/flag.ts";
import type { Operands } from "../cli/operands.ts";
import type { Completer } from "../cli/complete.ts";
import type { DiffKind } from "../engine/diff.ts";
import { refuse } from "./container/written/refuse.ts";
import type { Invocation } from "./verb.ts";

export const diffFormat = text({ help: "Change the output format (json)", complete: () => ["json"] });

/** One or two names, or --latest. */
export function oneOrTwoOrLatest(complete: Completer): Operands {
  return {
    complete,
    check({ operands, flags, path }) {
      const { length } = operands;
      if (flags["latest"] && length > 0) throw refuse("--latest and containers cannot be used together");
      if (length > 2) throw refuse(`accepts between 1 and 2 arg(s), received ${length}`);
      if (length === 0 && !flags["latest"]) throw refuse(`"${path}" requires a name, id, or the "--latest" flag`);
    },
  };
}

export interface DiffAsked {
  readonly kind: DiffKind;
  readonly names: readonly string[];
  readonly latest?: boolean;
  readonly format: string | undefined;
}

export async function showDiff(context: Invocation, { kind, names, latest, format }: DiffAsked): Promise<void> {
  if (format !== undefined && format !== "" && format !== "json") throw refuse("only supported value for '--format' is 'json'");
  const { diff } = await import("../engine/diff.ts");
  const [name, before] = latest ? [(await import("../engine/containers/lookup.ts")).latest(context.host).id] : names;
  const changes = diff(context.host, name!, { kind, ...(before === undefined ? {} : { before }) });
  if (format !== "json") return context.write(changes.map((change) => `${change.kind} ${change.path}\n`).join(""));
  const paths = (wanted: string) => changes.filter((change) => change.kind === wanted).map(({ path }) => path);
  const lists = { changed: paths("C"), added: paths("A"), deleted: paths("D") };
  context.out(goJson(Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)), { indent: "     " }));
}
