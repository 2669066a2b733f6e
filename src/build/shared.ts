// What all stages of one build share: the store's lease, the cache, the network of RUNs, the trees of images and stages.

import type { Host } from "../engine/host.ts";
import { rootInTheMaking } from "../engine/containers/labels.ts";
import { randomId } from "../engine/containers/names.ts";
import { openStepNetwork, type StepNetwork } from "../engine/steps/step-network.ts";
import { pull } from "../image/pull.ts";
import type { Digest } from "../base/digest.ts";
import type { Lease, StoredImage } from "../storage/store.ts";
import { BuildCache } from "./cache.ts";
import type { Plan } from "./plan.ts";
import { RemoteCache } from "./remote-cache.ts";
import type { BuildRequest } from "./request.ts";
import type { StageResult } from "./stage.ts";
import { Turns } from "./turns.ts";

/** What one stage prints. */
export interface Console {
  out(data: string | Uint8Array): void;
  err(data: string | Uint8Array): void;
  /** A step begins; without a newline. */
  step(line: string): void;
  /** Whole lines about a step that failed, to be seen whatever else is printed. */
  report(text: string): void;
  /** The terminal is another's from now on. */
  yield(): void;
}

/** What all stages print. */
export interface StageOutput {
  of(position: number): Console;
  end(position: number): void;
  fail(position: number): void;
  /** Whatever is still held or shown, at the build's end. */
  flush(): void;
}

export class Shared {
  readonly host: Host;
  readonly request: BuildRequest;
  readonly plan: Plan;
  readonly lease: Lease;
  readonly cache: BuildCache;
  readonly remoteCache: RemoteCache;
  readonly abort = new AbortController();
  /** By base and step. */
  readonly turns = new Turns();
  /** By position; resolved when a stage is done. */
  readonly results: Promise<StageResult>[] = [];
  /** IDs of images on the way. */
  readonly made = new Set<string>();
  readonly #networks: StepNetwork[] = [];
  readonly #free: StepNetwork[] = [];
  readonly #trees = new Map<string, string>();
  readonly #images = new Map<string, Promise<StoredImage>>();

  constructor(host: Host, request: BuildRequest, plan: Plan) {
    this.host = host;
    this.request = request;
    this.plan = plan;
    this.lease = host.store.lease();
    const [os, architecture] = [plan.scope.builtin.get("TARGETOS")!, plan.scope.builtin.get("TARGETARCH")!];
    this.cache = new BuildCache(host, { format: request.format, os, architecture, ...(request.cacheTtlMs === undefined ? {} : { ttlMs: request.cacheTtlMs }) });
    this.remoteCache = new RemoteCache(host, request);
    request.signal?.addEventListener("abort", () => this.abort.abort(request.signal!.reason), { once: true });
  }

  /** Pulled once, whichever stages ask for it. */
  image(name: string, platform: BuildRequest["platform"]): Promise<StoredImage> {
    const key = `${name} ${JSON.stringify(platform ?? {})}`;
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    const { system, pull: policy, onProgress, prompt } = this.request;
    const pulled = pull(name, {
      store: this.host.store,
      system: { ...system, ...(platform ? { platform } : {}) },
      policy, onProgress,
      ...(prompt ? { prompt } : {}),
    }).then(([image]) => {
      for (const chain of image!.layers) this.lease.holdLayer(chain);
      return image!;
    });
    this.#images.set(key, pulled);
    return pulled;
  }

  /** A root that is gone when the build is, however it ends. */
  newRoot(top: Digest | undefined): { id: string; path: string } {
    const id = randomId();
    this.lease.holdRoot(id);
    this.host.store.roots.create({ id, large: true, ...(top === undefined ? {} : { topLayer: top }) });
    return { id, path: this.host.store.roots.mount(id, { ...rootInTheMaking(), volatile: this.request.keeps === "none" }) };
  }

  /** The tree of layers, to be read only; one for all who ask. */
  tree(top: Digest | undefined): string {
    const key = top ?? "";
    const known = this.#trees.get(key);
    if (known !== undefined) return known;
    const { path } = this.newRoot(top);
    this.#trees.set(key, path);
    return path;
  }

  /** One that no other step uses at the moment. */
  async takeNetwork(): Promise<StepNetwork> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const made = await openStepNetwork(this.host, this.request.spec);
    this.#networks.push(made);
    return made;
  }

  returnNetwork(network: StepNetwork): void {
    this.#free.push(network);
  }

  async close(): Promise<void> {
    for (const network of this.#networks) await network.close();
    this.lease.release();
  }
}
