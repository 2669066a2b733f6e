// The index that a name leads to, at the first of its places that has one.

import { Fault } from "../base/fault.ts";
import { isIndexMediaType } from "../base/media-types.ts";
import { referenceText } from "./reference.ts";
import { registriesOf, resolveShortName } from "./short-names.ts";
import type { ImageSystem } from "./system.ts";
import { findImageName, openSource, type ImageName, type World } from "./transport.ts";

/** JSON as it came. @throws Fault of the last place that was asked; "image.unsupported" where an image alone is there */
export async function remoteIndex(name: string, world: World & { readonly system: ImageSystem }): Promise<unknown> {
  const given = findImageName(name);
  const candidates = given ? [] : (await resolveShortName(name, registriesOf(world.system))).candidates;
  const names: ImageName[] = given ? [given] : candidates.map((candidate) => ({ transport: "docker", rest: referenceText(candidate) }));
  let last: unknown = new Fault("image.not-found", `locating images with names ${name}`);
  for (const candidate of names) {
    try {
      return await indexAt(candidate, world);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      last = thrown;
    }
  }
  throw last;
}

/** In the words of those who look at a list rather than copy from it. */
function reading(rest: string, thrown: unknown): unknown {
  const copying = `initializing source docker://${rest}: `;
  if (!(thrown instanceof Fault) || !thrown.message.startsWith(copying)) return thrown;
  const { code, message, hint, cause } = thrown;
  return new Fault(code, `reading image ${JSON.stringify(`docker://${rest}`)}: ${message.slice(copying.length)}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

async function indexAt(name: ImageName, world: World): Promise<unknown> {
  try {
    return await readIndex(name, world);
  } catch (thrown) {
    throw name.transport === "docker" ? reading(name.rest, thrown) : thrown;
  }
}

async function readIndex(name: ImageName, world: World): Promise<unknown> {
  const source = await openSource(name, world);
  try {
    const { bytes, mediaType } = await source.manifest();
    if (isIndexMediaType(mediaType)) return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    throw new Fault("image.unsupported", `manifest is of type ${mediaType} (not a list type)`);
  } finally {
    await source.close();
  }
}
