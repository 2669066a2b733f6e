// manifest inspect: a manifest list of the store, or the index a registry has.
// Source: podman-manifest-inspect(1), buildah-manifest-inspect(1).

import { Fault } from "../../base/fault.ts";
import { isIndexMediaType } from "../../base/media-types.ts";
import { goJson } from "../../base/go-json.ts";
import { toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { findList, inspectList } from "../../image/manifest-list.ts";
import { registriesOf, resolveShortName } from "../../image/short-names.ts";
import { referenceText } from "../../image/reference.ts";
import type { ImageSystem } from "../../image/system.ts";
import { findImageName, openSource, type ImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem } from "../pulling.ts";
import { authfile } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { verb, type Invocation } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE",
  about: "Display the contents of a manifest list or image index.",
  operands: exactly(1, imageNames),
  flags: {
    authfile,
    insecure: toggle({ help: "neither require HTTPS nor verify certificates when accessing the registry", hidden: true }),
    tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
    verbose: toggle({ short: "v", help: "Added for Docker compatibility", hidden: true }),
  },
  examples: ["podman manifest inspect localhost/list"],
  async run({ context, flags, given, operands }) {
    if (flags.insecure && given.has("tlsVerify")) throw refuse("--insecure may not be used with --tls-verify");
    const system = imageSystem(context, flags.insecure ? { ...flags, tlsVerify: false } : flags, flags.insecure ? new Set([...given, "tlsVerify"]) : given);
    if (operands[0] === "") throw refuse('invalid image name ""');
    await showList(context, operands[0]!, system);
  },
});

/** @throws Fault where neither the store nor a registry knows it, or knows an image only */
export async function showList(context: Invocation, name: string, system: ImageSystem): Promise<void> {
  const { store } = context.host;
  const found = findList(store, name, system);
  context.out(goJson(found ? inspectList(found) : await remoteIndex(context, name, system), { indent: "    ", escapeHtml: false }));
}

async function remoteIndex({ host: { store } }: Invocation, name: string, system: ImageSystem): Promise<unknown> {
  const given = findImageName(name);
  const candidates = given ? [] : (await resolveShortName(name, registriesOf(system))).candidates;
  const names: ImageName[] = given ? [given] : candidates.map((candidate) => ({ transport: "docker", rest: referenceText(candidate) }));
  let last: unknown = new Fault("image.not-found", `locating images with names ${name}`);
  for (const candidate of names) {
    try {
      return await indexAt(candidate, { store, system });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      last = thrown;
    }
  }
  throw last;
}

async function indexAt(name: ImageName, world: Parameters<typeof openSource>[1]): Promise<unknown> {
  const source = await openSource(name, world);
  try {
    const { bytes, mediaType } = await source.manifest();
    if (isIndexMediaType(mediaType)) return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    throw new Fault("image.unsupported", `manifest is of type ${mediaType} (not a list type)`);
  } finally {
    await source.close();
  }
}
