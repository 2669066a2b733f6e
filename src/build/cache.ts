// The build cache: images of the store whose history goes on from a given one by exactly one step.

import type { Digest } from "../base/digest.ts";
import { digestOf } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { History, ImageConfig } from "../base/oci-image.ts";
import type { Host } from "../engine/host.ts";
import type { MadeLayer } from "../image/assemble.ts";
import { layerCompression } from "../image/manifest.ts";
import { storedConfig, storedManifest } from "../image/stored-config.ts";
import type { StoredImage } from "../storage/store.ts";

export interface CacheRules {
  readonly format: "oci" | "docker";
  readonly os: string;
  readonly architecture: string;
  readonly ttlMs?: number;
}

/** Where a step starts from. */
export interface CacheBase {
  readonly history: readonly History[];
  readonly diffIds: readonly Digest[];
}

interface Candidate {
  readonly image: StoredImage;
  readonly createdBy: string;
}

/** Of all images at the time of the first question, and of those made since. */
export class BuildCache {
  readonly #host: Host;
  readonly #rules: CacheRules;
  #byBase: Map<string, Candidate[]> | undefined;
  /** Layers of COPY --link, by the step's whole entry: they stand on any base. */
  readonly #linked = new Map<string, MadeLayer>();

  constructor(host: Host, rules: CacheRules) {
    this.#host = host;
    this.#rules = rules;
  }

  /** The newest image that is `base` and this step. */
  find(base: CacheBase, createdBy: string, addsLayer: boolean): StoredImage | undefined {
    const fits = this.candidates(base, addsLayer).filter(candidate => candidate.createdBy === createdBy);
    return fits.sort((a, b) => a.image.addedAt - b.image.addedAt).at(-1)?.image;
  }

  /** Whatever was done next on the same base before. */
  candidates(base: CacheBase, addsLayer: boolean): readonly Candidate[] {
    return this.#index().get(keyOf(base, addsLayer)) ?? [];
  }

  /** Whether any image ends with this step, whatever it stands on. */
  knows(createdBy: string): boolean {
    for (const candidates of this.#index().values()) if (candidates.some(candidate => candidate.createdBy === createdBy)) return true;
    return false;
  }

  linkedLayer(createdBy: string): MadeLayer | undefined {
    this.#index();
    return this.#linked.get(createdBy);
  }

  add(image: StoredImage): void {
    if (this.#byBase !== undefined) this.#enter(this.#byBase, image);
  }

  #index(): Map<string, Candidate[]> {
    if (this.#byBase !== undefined) return this.#byBase;
    this.#byBase = new Map();
    for (const image of this.#host.store.images.list()) this.#enter(this.#byBase, image);
    return this.#byBase;
  }

  #enter(index: Map<string, Candidate[]>, image: StoredImage): void {
    const config = this.#configOf(image);
    if (config === undefined) return;
    const history = config.history ?? [];
    const last = history.at(-1);
    if (last === undefined) return;
    const diffIds = config.rootfs.diff_ids;
    const layers = history.filter(({ empty_layer }) => !empty_layer).length;
    if (layers !== diffIds.length) return;
    const key = keyOf({ history: history.slice(0, -1), diffIds: last.empty_layer ? diffIds : diffIds.slice(0, -1) }, !last.empty_layer);
    (index.get(key) ?? index.set(key, []).get(key)!).push({ image, createdBy: last.created_by ?? "" });
    if (/#\(nop\) (COPY|ADD) --link /.test(last.created_by ?? "")) this.#enterLinked(image, config);
  }

  #enterLinked(image: StoredImage, config: ImageConfig): void {
    const layer = storedManifest(this.#host.store, image).layers.at(-1);
    const diffId = config.rootfs.diff_ids.at(-1);
    const text = config.history?.at(-1)?.created_by;
    if (layer === undefined || diffId === undefined || text === undefined) return;
    this.#linked.set(text, { diffId, blob: layer.digest, size: layer.size, compression: layerCompression(layer.mediaType) });
  }

  /** undefined where the image cannot stand for what this build makes. */
  #configOf(image: StoredImage): ImageConfig | undefined {
    const { format, os, architecture, ttlMs } = this.#rules;
    const isDocker = image.manifest.mediaType === mediaTypes.dockerManifest;
    if (isDocker !== (format === "docker")) return undefined;
    if (ttlMs !== undefined && Date.now() - image.addedAt > ttlMs) return undefined;
    try {
      const config = storedConfig(this.#host.store, image);
      return config.os === os && config.architecture === architecture ? config : undefined;
    } catch (thrown) {
      if (thrown instanceof Fault) return undefined;
      throw thrown;
    }
  }
}

function keyOf({ history, diffIds }: CacheBase, addsLayer: boolean): string {
  const entries = history.map(({ created, created_by, author, comment, empty_layer }) => [created ?? "", created_by ?? "", author ?? "", comment ?? "", empty_layer ?? false]);
  return digestOf(Buffer.from(JSON.stringify([addsLayer, diffIds, entries])));
}
