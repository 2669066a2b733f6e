// What skopeo inspect shows of an image, once its manifest has come.

import { Fault } from "../../base/fault.ts";
import { goJson } from "../../base/go-json.ts";
import { showOne } from "../../cli/view.ts";
import { describeImage, inOciForm, openImage, ociConfigOf } from "../../image/describe.ts";
import type { RawManifest } from "../../image/manifest.ts";
import { repositoryOf } from "../../image/reference.ts";
import { describeSchema1, isSchema1, readSchema1, schema2Config } from "../../image/schema1/schema1.ts";
import type { Source } from "../../image/source.ts";
import type { ImageSystem } from "../../image/system.ts";
import { said } from "./sides.ts";

export interface Inspection {
  readonly config: boolean;
  readonly raw: boolean;
  readonly format?: string;
}

interface Looking {
  readonly wish: Inspection;
  readonly source: Source;
  readonly platform: ImageSystem["platform"];
  readonly tags: readonly string[] | Promise<readonly string[]>;
}

/** What is to be written. */
export async function inspected(raw: RawManifest, looking: Looking): Promise<string | Uint8Array> {
  const { wish, source, tags, platform } = looking;
  if (wish.raw && !wish.config) return raw.bytes;
  if (isSchema1(raw)) return shown(await legacy(raw, looking), wish.format);
  const image = await said("Error parsing manifest for image", () => openImage(source, raw, platform));
  if (wish.raw) return image.configBytes;
  return shown(wish.config ? ociConfigOf(image) : { ...nameOf(source), ...describeImage(image), RepoTags: await tags }, wish.format);
}

/** Docker's schema 1 has no config: one is made of its history, in which the diff IDs are missing before the layers are read. */
async function legacy(raw: RawManifest, { wish, source, tags }: Looking): Promise<object> {
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
