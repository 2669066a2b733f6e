// skopeo inspect: what an image is, without fetching its layers.

import { Fault } from "../../base/fault.ts";
import { goJson } from "../../base/go-json.ts";
import { log } from "../../base/log.ts";
import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { showOne } from "../../cli/view.ts";
import { describeImage, inOciForm, openImage, ociConfigOf } from "../../image/describe.ts";
import { noPolicy } from "../../image/policy.ts";
import { repositoryOf } from "../../image/reference.ts";
import { describeSchema1, isSchema1, readSchema1, schema2Config } from "../../image/schema1/schema1.ts";
import type { RawManifest } from "../../image/manifest.ts";
import type { Reference } from "../../image/reference.ts";
import type { Source } from "../../image/source.ts";
import type { ImageSystem } from "../../image/system.ts";
import { dockerReference, openSource, parseImageName } from "../../image/transport.ts";
import { authfile, imageFlags, retryFlags, said, sideSystem, transportsHelp, worldOf } from "./sides.ts";
import { verb } from "./verb.ts";
import { imageNames, refuseManyWords } from "./words.ts";

export default verb({
  usage: "[command options] IMAGE-NAME",
  about: `Return low-level information about "IMAGE-NAME" in a registry/transport\n  ${transportsHelp}`,
  operands: refuseManyWords(exactly(1, imageNames), "Exactly one argument expected"),
  flags: {
    authfile,
    ...imageFlags(""),
    ...retryFlags,
    config: toggle({ help: "output configuration" }),
    format: text({ short: "f", help: "Format the output to a Go template" }),
    noTags: toggle({ short: "n", help: "Do not list the available tags from the repository in the output" }),
    raw: toggle({ help: "output raw manifest or configuration" }),
  },
  needs: "nothing",
  examples: [
    "skopeo inspect docker://registry.fedoraproject.org/fedora",
    "skopeo inspect --config docker://docker.io/alpine",
    'skopeo inspect --format "Name: {{.Name}} Digest: {{.Digest}}" docker://registry.access.redhat.com/ubi8',
  ],
  async run(call) {
    const { context, flags, operands: [name = ""] } = call;
    const wish = flags as unknown as { config: boolean; raw: boolean; noTags: boolean; format?: string };
    if (wish.raw && wish.format) throw new Fault("usage.invalid", "raw output does not support format option");
    // Reading about an image is not running it: the trust policy has no say here.
    const system: ImageSystem = { ...sideSystem(call, ""), policy: noPolicy(), clients: new Map() };
    const parsed = await said(`Error parsing image name ${JSON.stringify(name)}`, () => parseImageName(name));
    const wantsTags = !wish.raw && !wish.config && !wish.noTags && parsed.transport === "docker";
    const tags = wantsTags ? quietly(tagsOf(dockerReference(parsed.rest), system)) : [];
    const source = await said(`Error parsing image name ${JSON.stringify(name)}`, () => openSource(parsed, worldOf(context, system)));
    try {
      const raw = await said("Error retrieving manifest for image", () => source.manifest());
      if (wish.raw && !wish.config) return context.write(raw.bytes);
      if (isSchema1(raw)) return context.write(await shown(await legacy(raw, { wish, source, tags }), wish.format));
      const image = await said("Error parsing manifest for image", () => openImage(source, raw, system.platform));
      if (wish.raw) return context.write(image.configBytes);
      const value = wish.config ? ociConfigOf(image) : {
        ...nameOf(source),
        ...describeImage(image),
        RepoTags: await tags,
      };
      return context.write(await shown(value, wish.format));
    } finally {
      await source.close();
    }
  },
});

/** Asked for beside the manifest; a failure is met where the answer is needed, after what is wrong with the image itself. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

interface Legacy {
  readonly wish: { readonly config: boolean; readonly raw: boolean };
  readonly source: Source;
  readonly tags: readonly string[] | Promise<readonly string[]>;
}

/** Docker's schema 1 has no config: one is made of its history, in which the diff IDs are missing before the layers are read. */
async function legacy(raw: RawManifest, { wish, source, tags }: Legacy): Promise<object> {
  if (!wish.config) return { ...nameOf(source), ...describeSchema1(raw), RepoTags: await tags };
  if (!wish.raw) return inOciForm(schema2Config(readSchema1(raw), []));
  throw new Fault("image.unsupported", "cannot show the config of a Docker schema 1 image as it is: it has none of its own", {
    hint: "leave out --raw, or copy it first, which makes one, for instance to dir:",
  });
}

const nameOf = ({ reference }: Source): { Name?: string } => (reference === undefined ? {} : { Name: repositoryOf(reference) });

const order = ["Name", "Tag", "Digest", "RepoTags", "Created", "DockerVersion", "Labels", "Architecture", "Os", "Layers", "LayersData", "Env"];

async function shown(value: object, format: string | undefined): Promise<string> {
  const ordered: Record<string, unknown> = "LayersData" in value
    ? Object.fromEntries(order.filter((key) => key in value).map((key) => [key, (value as Record<string, unknown>)[key]]))
    : { ...value };
  if (format === undefined || format === "") return `${goJson(ordered, { indent: "    " })}\n`;
  // A template shows a map without entries as Go does, where JSON says null.
  const filled = { ...ordered, ...("Labels" in ordered ? { Labels: ordered["Labels"] ?? {} } : {}) };
  return showOne(filled, format, { name: "skopeo inspect", maps: ["Labels"] });
}

/** Some registries keep the list to themselves; the image can be described without it. */
async function tagsOf(reference: Reference, system: ImageSystem): Promise<readonly string[]> {
  const { registryTags } = await import("../../image/transports/registry.ts");
  const { refusalOf } = await import("../../registry/refusal.ts");
  try {
    return await registryTags(reference, system);
  } catch (thrown) {
    const refusal = refusalOf(thrown);
    if (refusal?.code === "DENIED" || (refusal?.status === 404 && refusal.code === undefined)) {
      log.warn("Registry disallows tag list retrieval; skipping");
      return [];
    }
    return said("Error determining repository tags", () => {
      throw thrown;
    });
  }
}
