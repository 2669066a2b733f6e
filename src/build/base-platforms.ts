// --all-platforms: the platforms that all base images of a build have in common.
// Source: buildah-build(1), "--all-platforms".

import { Fault } from "../base/fault.ts";
import type { Index } from "../base/oci-image.ts";
import type { Host } from "../engine/host.ts";
import { findList } from "../image/manifest-list.ts";
import { isArchitecture, normalPlatform, type PlatformChoice } from "../image/platform.ts";
import { remoteIndex } from "../image/remote-index.ts";
import { parseContainerfile } from "./containerfile/parse.ts";
import { planBuild } from "./plan.ts";
import type { BuildRequest } from "./request.ts";

/** @throws Fault "image.unsupported" where a base is no list, or where they have none in common */
export async function platformsOfBases(host: Host, request: BuildRequest): Promise<PlatformChoice[]> {
  const { stages } = planBuild(request.containerfiles.map(({ text }) => parseContainerfile(text)), request);
  const bases = [...new Set(stages.flatMap(({ base, baseStage }) => (baseStage === undefined && base !== "scratch" ? [base] : [])))];
  if (bases.length === 0) throw new Fault("image.unsupported", "build uses no non-scratch base images", { hint: "name the platforms with --platform" });
  let common: Map<string, PlatformChoice> | undefined;
  for (const base of bases) {
    const own = new Map((await platformsOf(host, base, request)).map(platform => [keyOf(platform), platform]));
    common = common === undefined ? own : new Map([...common].filter(([key]) => own.has(key)));
  }
  if (common!.size === 0) throw new Fault("image.unsupported", "base images have no platforms in common", { hint: "name the platforms with --platform" });
  return [...common!.values()];
}

const keyOf = ({ os, architecture, variant }: PlatformChoice): string => [os, architecture, variant].filter(Boolean).join("/");

async function platformsOf(host: Host, base: string, { system }: BuildRequest): Promise<PlatformChoice[]> {
  const index = await indexOf(host, base, system).catch((cause: unknown) => {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(cause.code, `base image name ${JSON.stringify(base)} didn't resolve to a manifest list: ${cause.message}`, { cause });
  });
  return index.manifests.flatMap(({ platform, artifactType }) => {
    if (artifactType || !platform || !platform.os || platform.os === "unknown" || !isArchitecture(platform.architecture)) return [];
    const { os, architecture, variant } = normalPlatform(platform);
    return [{ os, architecture, ...(variant ? { variant } : {}) }];
  });
}

/** A list of the store, else what registries have. */
async function indexOf(host: Host, base: string, system: BuildRequest["system"]): Promise<Index> {
  const own = findList(host.store, base, system);
  if (own !== undefined) return own.index;
  return await remoteIndex(base, { store: host.store, system }) as Index;
}
