// What a stage begins with: its base image's layers and config, or another stage's, or nothing.
// Source: Dockerfile reference, "FROM".

import { Fault } from "../base/fault.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { storedConfig } from "../image/stored-config.ts";
import type { StoredImage } from "../storage/store.ts";
import type { PlannedStage } from "./plan.ts";
import type { Shared } from "./shared.ts";
import { StageConfig } from "./stage-config.ts";
import { standingOf, type Standing } from "./stage-image.ts";

export interface StageBase {
  readonly image: StoredImage | undefined;
  readonly config: StageConfig;
  readonly standing: Standing;
}

/** Waits for the stage it is based on, or finds or pulls its image. @throws Fault of pulling */
export async function baseOf(shared: Shared, stage: PlannedStage): Promise<StageBase> {
  if (stage.baseStage !== undefined) return ofStage(shared, stage, stage.baseStage);
  return stage.base === "scratch" ? ofNothing(shared, stage) : ofImage(shared, stage);
}

const env = ({ host }: Shared): readonly string[] => host.conf.containers.env ?? [];

async function ofStage(shared: Shared, { inheritedArguments }: PlannedStage, position: number): Promise<StageBase> {
  const { image, config: before, standing } = await shared.results[position]!;
  const { scope, escape } = shared.plan;
  const { Labels, ...others } = before.defaults;
  const defaults = { ...others, ...(shared.request.inheritLabels && Labels ? { Labels } : {}), Env: before.env };
  const config = new StageConfig({ defaults, ...(before.author ? { author: before.author } : {}), env: env(shared) }, scope, escape);
  for (const word of inheritedArguments) config.declare(/^(TARGET|BUILD)PLATFORM=/.test(word) ? word.split("=")[0]! : word);
  return { image, config, standing };
}

function ofNothing(shared: Shared, { platform }: PlannedStage): StageBase {
  const { scope, escape } = shared.plan;
  const asked = platform === undefined ? shared.request.platform : parsePlatform(platform);
  const { os = "linux", architecture = hostPlatform().architecture, variant } = { ...hostPlatform(), ...asked };
  return {
    image: undefined,
    config: new StageConfig({ defaults: {}, env: env(shared) }, scope, escape),
    standing: { layers: [], history: [], platform: { os, architecture, ...(variant ? { variant } : {}) }, annotations: {} },
  };
}

async function ofImage(shared: Shared, { base, platform }: PlannedStage): Promise<StageBase> {
  const { host, request, plan } = shared;
  // Where another stage asks for a foreign platform, the name may mean that one by now.
  const own = plan.stages.some(stage => stage.platform !== undefined) ? hostPlatform() : undefined;
  const image = await shared.image(base, platform === undefined ? request.platform ?? own : parsePlatform(platform)).catch((thrown: unknown) => {
    if (!(thrown instanceof Fault)) throw thrown;
    const { code, message, hint, errno } = thrown;
    throw new Fault(code, `creating build container: ${message}`, { cause: thrown, ...(hint ? { hint } : {}), ...(errno ? { errno } : {}) });
  });
  const { config: defaults = {}, author, os, architecture, variant } = storedConfig(host.store, image);
  const wanted = request.platform?.variant;
  if (wanted !== undefined && wanted !== (variant ?? "")) {
    const text = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join("/");
    request.warn(`image platform (${text(os, architecture, variant)}) does not match the expected platform (${text(request.platform?.os ?? os, request.platform?.architecture ?? architecture, wanted)})`);
  }
  const { Labels, ...others } = defaults;
  const kept = request.inheritLabels && Labels ? { ...others, Labels } : others;
  return {
    image,
    config: new StageConfig({ defaults: kept, ...(author ? { author } : {}), env: env(shared) }, plan.scope, plan.escape),
    standing: withBase(standingOf(host, image), image, base),
  };
}

/** What the base was, for whoever looks at the image later. */
function withBase(standing: Standing, image: StoredImage, name: string): Standing {
  const annotations = {
    ...standing.annotations,
    "org.opencontainers.image.base.digest": image.manifest.digest,
    "org.opencontainers.image.base.name": image.names.find(one => one.includes(name)) ?? image.names[0] ?? "",
  };
  return { ...standing, annotations };
}
