// The build cache in registries: --cache-from and --cache-to, one tag for each step, named by what the step stands on and is.
// Source: buildah-build(1), "--cache-from", "--cache-to".

import { digestOf, hexOf } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { Host } from "../engine/host.ts";
import { pull } from "../image/pull.ts";
import { push } from "../image/push.ts";
import { parseReference, repositoryOf } from "../image/reference.ts";
import type { StoredImage } from "../storage/store.ts";
import type { CacheBase } from "./cache.ts";
import type { BuildRequest } from "./request.ts";

export interface StepKey {
  readonly base: CacheBase;
  readonly createdBy: string;
  readonly addsLayer: boolean;
}

/** A tag: times do not count, so that two machines agree. */
function tagOf({ base, createdBy, addsLayer }: StepKey, request: BuildRequest): string {
  const history = base.history.map(({ created_by, empty_layer }) => [created_by ?? "", empty_layer ?? false]);
  const platform = [request.platform?.os ?? "", request.platform?.architecture ?? "", request.platform?.variant ?? ""];
  return hexOf(digestOf(Buffer.from(JSON.stringify([request.format, platform, history, base.diffIds, createdBy, addsLayer]))));
}

/** @throws Fault "usage.invalid" for a name with a tag or a digest */
export function cacheRepository(written: string): string {
  const reference = parseReference(written);
  if (reference.tag === undefined && reference.digest === undefined) return repositoryOf(reference);
  throw new Fault("usage.invalid", `repository must contain neither a tag nor digest: ${written}`);
}

export class RemoteCache {
  readonly #host: Host;
  readonly #request: BuildRequest;
  readonly #sent = new Map<string, Promise<void>>();

  constructor(host: Host, request: BuildRequest) {
    this.#host = host;
    this.#request = request;
  }

  get isUsed(): boolean {
    return this.#request.cacheFrom.length > 0;
  }

  /** The first repository that has the step; where nothing answers, it is only logged. */
  async find(key: StepKey, say: (text: string) => void): Promise<StoredImage | undefined> {
    const tag = tagOf(key, this.#request);
    for (const repository of this.#request.cacheFrom) {
      const name = `${repository}:${tag}`;
      try {
        const [image] = await pull(name, { store: this.#host.store, system: this.#request.system, policy: "always", onProgress: () => {} });
        if (image === undefined) continue;
        this.#host.store.images.untag(image.id, name);
        say(`--> Cache pulled from remote ${name}\n`);
        return image;
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        log.debug(`failed pulling cache from ${repository}: ${thrown.message}`);
      }
    }
    return undefined;
  }

  /** A step that several stages have is sent once. */
  store(image: StoredImage, key: StepKey, say: (text: string) => void): Promise<void> {
    const tag = tagOf(key, this.#request);
    const before = this.#sent.get(tag);
    if (before !== undefined) return before;
    const sending = this.#send(image, tag, say);
    this.#sent.set(tag, sending);
    return sending;
  }

  async #send(image: StoredImage, tag: string, say: (text: string) => void): Promise<void> {
    say(`--> Pushing cache [${this.#request.cacheTo.join(" ")}]:${tag}\n`);
    for (const repository of this.#request.cacheTo) {
      await push(image.id, `docker://${repository}:${tag}`, { store: this.#host.store, system: this.#request.system });
    }
  }
}
