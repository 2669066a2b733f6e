// Signing an image where it is: its manifest's signature goes into a directory, the image stays as it is.
// Source: podman-image-sign(1).

import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { readManifest } from "../manifest.ts";
import { referenceText } from "../reference.ts";
import type { Source } from "../source.ts";
import { fileFault } from "../tree.ts";
import { addBeside } from "./lookaside.ts";
import { lookasideAddress } from "./registries-d.ts";
import { signStatement } from "./simple.ts";

export interface SignWish {
  /** GPG key, as gpg takes it. */
  readonly key: string;
  /** Where signatures go; absent: where registries.d says. */
  readonly directory?: string;
  readonly registriesDir?: string;
  /** All members of an index, not the index. */
  readonly all?: boolean;
}

/** Leaves the source open. @throws Fault where the image has no name to sign */
export async function signImage(source: Source, { key, directory, registriesDir, all }: SignWish): Promise<void> {
  const { reference } = source;
  if (reference === undefined) {
    throw new Fault("usage.invalid", `cannot determine canonical Docker reference for destination ${source.name}`);
  }
  const top = readManifest(await source.manifest());
  const place = directory ?? placeIn(lookasideAddress(reference, { registriesDir, isWrite: true }));
  if (all && top.kind !== "index") {
    throw new Fault("usage.invalid", `${source.name} is not a multi-architecture image (manifest type ${top.raw.mediaType})`);
  }
  const digests: readonly Digest[] = all && top.kind === "index" ? top.index.manifests.map(({ digest }) => digest) : [top.raw.digest];
  for (const digest of digests) {
    addBeside(place, { reference, digest }, [signStatement({ digest, identity: referenceText(reference) }, { key })]);
  }
}

function placeIn(address: string): string {
  if (address.startsWith("file:")) return fileURLToPath(address);
  throw new Fault("usage.unsupported", `writing to ${address.split(":")[0]}: not supported. Use a supported scheme`, { hint: "name a directory with --directory" });
}

/** @throws Fault worded as the system's */
export function needDirectory(path: string): void {
  try {
    statSync(path);
  } catch (thrown) {
    throw fileFault(`faccessat ${path}`, thrown);
  }
}
