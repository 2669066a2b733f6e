// Whether a destination holds already what a copy would bring: one question to each side, and no blob is looked at.

import type { Digest } from "../base/digest.ts";
import { readManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";
import { isSchema1 } from "./schema1/schema1.ts";
import type { CopyOptions } from "./copy.ts";
import type { Sink, Source } from "./source.ts";

/** The digest of what is there; undefined where there is something to copy. @throws Fault "policy.rejected" as the copy would */
export async function digestThere(
  source: Source,
  sink: Sink,
  { instances, platform, removeSignatures }: Pick<CopyOptions, "instances" | "platform" | "removeSignatures">,
): Promise<Digest | undefined> {
  if (!sink.holds) return undefined;
  const raw = await source.manifest();
  if (isSchema1(raw)) return undefined;
  const top = readManifest(raw);
  const isWhole = top.kind === "image" || (instances !== undefined && instances !== "system");
  if (isWhole) await source.admit?.(top.raw);
  const wanted = isWhole ? top.raw : choosePlatform(top.index, platform);
  // The member's digest stands in its index: its manifest is fetched only where the policy wants to see it.
  if (!isWhole && source.admit) await source.admit(await source.manifest(wanted.digest), wanted.digest);
  // Whether the other side has the same signatures is not to be seen from here: then the copy sees to it.
  const signatures = removeSignatures ? undefined : await source.signatures?.(isWhole ? undefined : wanted.digest);
  if (signatures?.length) return undefined;
  return (await sink.holds(wanted)) ? wanted.digest : undefined;
}
