// Where a stage takes things from: the context, a named one, an earlier stage, an image.

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { rootInTheMaking } from "../engine/containers/labels.ts";
import { storedConfig } from "../image/stored-config.ts";
import { chainIds } from "../storage/chain.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import { prepareCopy, readCopyFlags, type CopyFlags, type CopyPlace, type PreparedCopy } from "./copy-step.ts";
import { findStage, type PlannedStage } from "./plan.ts";
import { bringSource } from "./remote.ts";
import type { Mounting, Tree } from "./run-mounts.ts";
import type { Shared } from "./shared.ts";
import type { StageConfig } from "./stage-config.ts";

export interface Taking {
  readonly shared: Shared;
  readonly plan: PlannedStage;
  readonly config: StageConfig;
}

export function mountingOf(taking: Taking): Mounting {
  const { shared: { host, request }, config } = taking;
  return {
    request, runroot: host.paths.runroot, storeRoot: host.store.root, workdir: config.defaults.WorkingDir || "/",
    isLabelled: rootInTheMaking().label !== undefined,
    treeOf: from => treeOf(taking, from),
  };
}

/** @throws Fault "image.not-found" where nothing has this name */
export async function treeOf({ shared, plan }: Taking, written: string | undefined): Promise<Tree> {
  const { request } = shared;
  if (written === undefined) return { path: request.contextDirectory, exclude: request.ignore };
  const { stages } = shared.plan;
  const numbered = /^\d{1,4}$/.test(written) && Number(written) < plan.position ? stages[Number(written)]!.name : written;
  const context = request.contexts.get(written) ?? request.contexts.get(numbered);
  if (context?.kind === "directory") return { path: context.value, ...(context.ignore ? { exclude: context.ignore } : {}) };
  const stage = context === undefined ? findStage(stages, written, plan.position) : undefined;
  if (stage !== undefined) {
    const { standing, executed } = await shared.results[stage]!;
    return { ...treeOfLayers(shared, standing.layers.map(({ diffId }) => diffId)), isFresh: executed };
  }
  const image = await shared.image(context?.value ?? written, request.platform).catch((cause: unknown) => {
    throw new Fault("image.not-found", `--from=${written}: no stage or image found with that name`, { cause, hint: "name an earlier stage, an image, or a --build-context" });
  });
  return treeOfLayers(shared, storedConfig(shared.host.store, image).rootfs.diff_ids);
}

function treeOfLayers(shared: Shared, diffIds: readonly Digest[]): Tree {
  const top = chainIds(diffIds).at(-1);
  return { path: shared.tree(top), isStage: true, identity: top?.slice("sha256:".length) ?? "empty" };
}

export interface StageCopy {
  readonly flags: CopyFlags;
  readonly prepared: PreparedCopy;
}

export async function prepareStageCopy(taking: Taking & { rootToRead(): string }, instruction: Instruction): Promise<StageCopy> {
  const { shared: { request, lease }, config: stage } = taking;
  const flags = readCopyFlags(stage, instruction);
  const context = await treeOf(taking, flags.from).catch((thrown: unknown) => {
    throw thrown instanceof Fault && thrown.code === "image.not-found"
      ? new Fault(thrown.code, `${instruction.name.toUpperCase()} ${thrown.message}`, { cause: thrown, ...(thrown.hint ? { hint: thrown.hint } : {}) })
      : thrown;
  });
  const place: CopyPlace = {
    stage, instruction, flags, context, ignoreFile: request.ignoreFile, scratch: lease.directory,
    bring: (source, asked) => bringSource(source, asked, { scratch: lease.directory, web: request.web }),
  };
  // Only names of owners need the root.
  const root = flags.chown !== undefined && /[^\d:]/.test(flags.chown) ? taking.rootToRead() : "/";
  return { flags, prepared: await prepareCopy(place, root) };
}
