// A whole build: planned, its stages run side by side where they do not need each other, the image named.
// Source: buildah-build(1).

import { Fault } from "../base/fault.ts";
import type { Host } from "../engine/host.ts";
import type { StoredImage } from "../storage/store.ts";
import { LiveOutput } from "./live-output.ts";
import { OrderedOutput } from "./ordered-output.ts";
import { parseContainerfile } from "./containerfile/parse.ts";
import { planBuild } from "./plan.ts";
import type { BuildRequest } from "./request.ts";
import { withBills } from "./sbom-step.ts";
import { Shared } from "./shared.ts";
import { StageRun, type StageResult } from "./stage.ts";

/**
 * Nothing with `planOnly`.
 *
 * @throws Fault "build.failed", "containerfile.malformed", … ; nothing half made is visible then
 */
export async function build(host: Host, request: BuildRequest): Promise<StoredImage | undefined> {
  const files = request.containerfiles.map(({ name, text }, at) => {
    try {
      return parseContainerfile(text);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      throw new Fault(thrown.code, `parsing ${at === 0 ? "main Dockerfile:" : "additional Dockerfile"} ${name}: ${thrown.message}`, { cause: thrown, ...(thrown.hint ? { hint: thrown.hint } : {}) });
    }
  });
  const plan = planBuild(files, request);
  for (const file of files) for (const warning of file.warnings) request.warn(warning);
  for (const name of plan.missingArguments) request.warn(`missing ${JSON.stringify(name)} build argument. Try adding ${JSON.stringify(`--build-arg ${name}=<VALUE>`)} to the command line`);
  // What it holds meanwhile; images and names it makes are to last.
  host.store.passing();
  const { sbom } = request;
  // Named once the bill of materials is there.
  const shared = new Shared(host, sbom === undefined ? request : { ...request, tags: [] }, plan);
  try {
    const result = await runStages(shared);
    if (plan.unusedArguments.length > 0 && !request.quiet) {
      request.out(`[Warning] one or more build args were not consumed: [${plan.unusedArguments.join(" ")}]\n`);
    }
    const image = sbom === undefined || request.planOnly ? result.image : await withBills(shared, { result, request, scan: sbom });
    // Without layers nothing on the way is for the next build.
    if (!request.layers) for (const id of shared.made) if (host.store.images.get(id)?.names.length === 0 && id !== image?.id) host.store.images.remove(id);
    return image;
  } finally {
    await shared.close();
  }
}

async function runStages(shared: Shared): Promise<StageResult> {
  const { plan, request, results, abort } = shared;
  const output = request.drawing === undefined ? new OrderedOutput(plan.stages.length, request) : new LiveOutput(request.drawing);
  const slots = new Slots(request.jobs > 0 ? request.jobs : plan.stages.length);
  let failed: { thrown: unknown } | undefined;
  for (const stage of plan.stages) {
    const isNeeded = plan.needed.has(stage.position);
    const console = output.of(stage.position);
    const work = async (): Promise<StageResult> => {
      if (!isNeeded) return undefined as never;
      await slots.enter();
      try {
        return await new StageRun(shared, stage, console).run();
      } catch (thrown) {
        failed ??= { thrown };
        output.fail(stage.position);
        abort.abort(thrown);
        throw thrown;
      } finally {
        slots.leave();
        output.end(stage.position);
      }
    };
    if (!isNeeded) output.end(stage.position);
    const result = work();
    result.catch(() => {});
    results.push(result);
  }
  const all = await Promise.allSettled(results);
  output.flush();
  // Whatever failed because of it.
  request.signal?.throwIfAborted();
  if (failed !== undefined) throw failed.thrown;
  const last = all[plan.target]!;
  if (last.status === "rejected") throw last.reason;
  return last.value;
}

/** At most so many at once; who came first goes first, so that a stage never waits for one that comes after it. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) return void this.#free--;
    await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
