// One stage, instruction by instruction: looked up in the cache, or carried out and committed.
// Source: buildah-build(1), "--layers"; Containerfile(5).

import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { nowNs, rfc3339Nano } from "../base/time.ts";
import type { History } from "../base/oci-image.ts";
import type { MadeLayer } from "../image/assemble.ts";
import { layerOfRoot, layerOfWholeRoot } from "../engine/steps/layer.ts";
import { ensureDirectory, ownerIn } from "../engine/steps/tree.ts";
import { chainIds } from "../storage/chain.ts";
import type { Digest } from "../base/digest.ts";
import type { StoredImage } from "../storage/store.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import { parseContainerfile, atLine } from "./containerfile/parse.ts";
import { execute, executeAlone, summarize, type CopyOutcome } from "./copy-step.ts";
import { copyPrefix, createdBy, layerTime, type StepFacts } from "./history.ts";
import { explainMiss, noteCopy } from "./explain.ts";
import { findStage, fromNames, type PlannedStage } from "./plan.ts";
import { keepDone, keepFailed, keepsFailed } from "./kept-steps.ts";
import { fixedTime, type BuildRequest } from "./request.ts";
import { executeRun, mountedDigests, readRunFlags } from "./run-step.ts";
import type { Console, Shared } from "./shared.ts";
import { checkTrigger, type StageConfig } from "./stage-config.ts";
import { baseOf } from "./stage-base.ts";
import { mountingOf, prepareStageCopy, type StageCopy } from "./stage-sources.ts";
import { commitStage, splitLabel, standingOf, type Standing } from "./stage-image.ts";
import { shownInstruction, StepLog } from "./step-log.ts";

export interface StageResult {
  readonly image: StoredImage | undefined;
  readonly config: StageConfig;
  readonly standing: Standing;
  /** Something ran that was not found in the cache. */
  readonly executed: boolean;
}

interface Step {
  readonly instruction: Instruction;
  readonly isLast: boolean;
  /** Of the last stage, too: the build's own end. */
  readonly isFinal: boolean;
}

const addsLayer = ({ name }: Instruction): boolean => name === "run" || name === "copy" || name === "add";

export class StageRun {
  readonly #shared: Shared;
  readonly #plan: PlannedStage;
  readonly #console: Console;
  readonly #log: StepLog;
  #config!: StageConfig;
  #standing!: Standing;
  #baseId: string | undefined;
  /** The image that came last from a registry's cache. */
  #pulled: string | undefined;
  #root: { id: string; path: string } | undefined;
  #pending: History[] = [];
  #executed = false;
  #endTurn: (() => void) | undefined;
  #looksUp: boolean;
  readonly #isTarget: boolean;

  constructor(shared: Shared, plan: PlannedStage, console: Console) {
    this.#shared = shared;
    this.#plan = plan;
    this.#console = console;
    this.#log = new StepLog(shared, plan, console);
    const { layers, useCache, noCacheStages } = shared.request;
    this.#looksUp = layers && useCache && !noCacheStages.includes(plan.name) && !noCacheStages.includes(String(plan.position));
    this.#isTarget = plan.position === shared.plan.target;
  }

  get #request(): BuildRequest {
    return this.#shared.request;
  }

  async run(): Promise<StageResult> {
    const own = [...this.#plan.instructions, ...this.#extraLabels()];
    this.#log.total = this.#extraEnv().length + own.length + 1;
    // Before the base is fetched: what ONBUILD adds is not known yet.
    this.#log.step(`FROM ${this.#plan.shown}`);
    const { image: base, config, standing } = await baseOf(this.#shared, this.#plan);
    [this.#config, this.#standing] = [config, standing];
    this.#baseId = this.#plan.baseStage === undefined ? base?.id : undefined;
    if (this.#request.planOnly && this.#plan.baseStage !== undefined) this.#executed = (await this.#shared.results[this.#plan.baseStage]!).executed;
    const instructions = [...this.#extraEnv(), ...this.#triggers(), ...own];
    this.#log.total = instructions.length + 1;
    let image = instructions.length === 0 ? await this.#onlyBase(base) : undefined;
    for (const [at, instruction] of instructions.entries()) {
      const isLast = at === instructions.length - 1;
      this.#shared.abort.signal.throwIfAborted();
      this.#log.step(shownInstruction(instruction));
      try {
        image = await this.#step({ instruction, isLast, isFinal: isLast && this.#isTarget });
        keepDone(this.#shared, this.#standing, image);
      } catch (thrown) {
        this.#keepFailed();
        throw this.#failed(instruction, thrown);
      }
    }
    return { image, config: this.#config, standing: this.#standing, executed: this.#executed };
  }

  #keepFailed(): void {
    if (!keepsFailed(this.#shared)) return;
    const { id } = this.#open();
    this.#root = undefined;
    const name = keepFailed(this.#shared, this.#standing, id);
    this.#log.say(`--> Left working container ${name}: look into it with: buildah run ${name} sh\n`);
  }

  #failed(instruction: Instruction, thrown: unknown): unknown {
    if (!(thrown instanceof Fault)) return thrown;
    const { code, message, hint, errno } = thrown;
    const located = code === "containerfile.malformed" ? (atLine(thrown, instruction.line) as Fault).message : message;
    const step = `${instruction.name.toUpperCase()}${instruction.flags.map(flag => ` ${flag}`).join("")} ${instruction.words.join(" ")}`;
    return new Fault(code, `building at STEP "${step}": ${located}`, {
      cause: thrown, exit: thrown.exit, ...(hint ? { hint } : {}), ...(errno ? { errno } : {}),
    });
  }

  #triggers(): Instruction[] {
    const { OnBuild, ...rest } = this.#config.defaults;
    if (!OnBuild || OnBuild.length === 0) return [];
    this.#config.defaults = rest;
    const { instructions } = parseContainerfile(OnBuild.join("\n"));
    for (const instruction of instructions) checkTrigger(instruction);
    return [...instructions];
  }

  #extraEnv(): Instruction[] {
    return this.#extra("ENV", this.#request.env);
  }

  #extraLabels(): Instruction[] {
    return this.#isTarget ? this.#extra("LABEL", this.#request.labels.filter(label => !label.startsWith("="))) : [];
  }

  #extra(name: string, pairs: readonly string[]): Instruction[] {
    if (pairs.length === 0) return [];
    const line = pairs.map(splitLabel).map(([key, value]) => ` ${JSON.stringify(key)}=${JSON.stringify(value).replaceAll("$", "\\$")}`).join("");
    return [...parseContainerfile(`${name}${line}`).instructions];
  }

  /** No instructions: the base itself, unless something makes it another image. */
  async #onlyBase(base: StoredImage | undefined): Promise<StoredImage | undefined> {
    const r = this.#request;
    const named = r.annotations.length + r.unsetEnv.length + r.unsetLabels.length + r.unsetAnnotations.length;
    const changes = base === undefined || r.squash !== "no" || named > 0 || !r.inheritLabels || !r.inheritAnnotations;
    if (this.#isTarget) this.#log.commit();
    if (changes) {
      const image = await this.#commit({ createdBy: "/bin/sh", layer: undefined, isFinal: this.#isTarget, empty: true });
      this.#log.id(image);
      return image;
    }
    if (this.#isTarget) this.#tag(base!);
    this.#log.id(base!);
    return base;
  }

  #tag(image: StoredImage): StoredImage {
    const added = this.#request.tags.filter(name => !image.names.includes(name));
    if (added.length === 0) return image;
    for (const name of added) this.#shared.host.store.images.tag(image.id, name);
    this.#shared.host.store.lasting();
    return this.#shared.host.store.images.get(image.id) ?? image;
  }

  async #step(step: Step): Promise<StoredImage | undefined> {
    if (!this.#request.layers) return this.#singleStep(step);
    try {
      return await this.#layeredStep(step);
    } finally {
      this.#endTurn?.();
    }
  }

  // All instructions in one root, committed at the end.

  async #singleStep({ instruction, isLast, isFinal }: Step): Promise<StoredImage | undefined> {
    const text = await this.#perform(instruction, isFinal);
    if (instruction.name === "volume") this.#opened();
    if (!isLast) {
      this.#pending.push({ created: this.#now(), created_by: text, empty_layer: true });
      return undefined;
    }
    if (this.#isTarget) this.#log.commit();
    this.#open();
    if (!this.#isTarget && this.#request.keeps !== "all" && !this.#shared.plan.stages.some(({ baseStage }) => baseStage === this.#plan.position)) {
      // Others only take files from it: that needs no image.
      this.#standing = { ...this.#standing, layers: [...this.#standing.layers, this.#takeLayer()] };
      return undefined;
    }
    const image = await this.#commit({ createdBy: text, layer: undefined, isFinal, empty: false });
    this.#log.id(image);
    return image;
  }

  /** Carries the instruction out and answers its entry for the history. */
  async #perform(instruction: Instruction, isFinal: boolean): Promise<string> {
    this.#executed = true;
    if (instruction.name === "run") {
      const { facts, act } = await this.#prepareRun(instruction, isFinal);
      const text = createdBy(instruction, facts);
      await act();
      return text;
    }
    if (addsLayer(instruction)) {
      const copy = await this.#prepareCopy(instruction);
      const { summary } = await execute(copy.prepared, this.#opened().path);
      return createdBy(instruction, this.#copyFacts(copy, summary, isFinal));
    }
    this.#apply(instruction);
    return createdBy(instruction, this.#facts(isFinal));
  }

  #apply(instruction: Instruction): void {
    this.#config.apply(instruction);
    const { format, warn } = this.#request;
    if (format === "docker") return;
    const { name } = instruction;
    if (name === "healthcheck") warn("HEALTHCHECK is not supported for OCI image format and will be ignored. Must use `docker` format");
    if (name === "shell") warn(`SHELL is not supported for OCI image format, [${this.#config.defaults.Shell!.join(" ")}] will be ignored. Must use \`docker\` format`);
    if (name === "onbuild") warn(`ONBUILD is not supported for OCI image format, [${this.#config.defaults.OnBuild!.join(" ")}] will be ignored. Must use \`docker\` format`);
  }

  #facts(isLast: boolean): StepFacts {
    return { stage: this.#config, request: this.#request, isLast };
  }

  // One image a step.

  async #layeredStep(step: Step): Promise<StoredImage | undefined> {
    if (this.#request.planOnly) return this.#plannedStep(step);
    const { instruction, isFinal } = step;
    const made = addsLayer(instruction) ? await this.#layered(instruction, step) : await this.#unlayered(instruction, step);
    const squashes = isFinal && this.#request.squash === "all";
    const base = this.#cacheBase();
    let image: StoredImage;
    if (made.cached !== undefined && !squashes) {
      log.debug(`Found a cache hit in the first iteration with id ${made.cached.id}`);
      this.#log.say(`--> Using cache ${made.cached.id}\n`);
      if (isFinal) this.#log.commit();
      image = isFinal ? this.#tag(made.cached) : made.cached;
      this.#standing = { ...standingOf(this.#shared.host, image), annotations: this.#standing.annotations, image };
    } else {
      this.#looksUp = false;
      if (isFinal) this.#log.commit();
      image = await this.#commit({ createdBy: made.text, layer: made.layer, isFinal, empty: !addsLayer(instruction) });
    }
    if (this.#request.cacheTo.length > 0 && !squashes && this.#pulled !== image.id) {
      await this.#shared.remoteCache.store(image, { base, createdBy: made.text, addsLayer: addsLayer(instruction) }, line => this.#log.say(line));
    }
    this.#log.id(image);
    return image;
  }

  /** --plan: what would be found, until something would not; nothing runs. */
  async #plannedStep({ instruction, isFinal }: Step): Promise<StoredImage | undefined> {
    const usesChanged = fromNames(instruction).map(name => findStage(this.#shared.plan.stages, name, this.#plan.position));
    for (const stage of usesChanged) if (stage !== undefined && (await this.#shared.results[stage]!).executed) this.#executed = true;
    if (!addsLayer(instruction)) this.#apply(instruction);
    const text = this.#executed ? undefined : await this.#plannedText(instruction, isFinal);
    const cached = text === undefined ? undefined : await this.#lookUp(text, addsLayer(instruction), isFinal);
    this.#log.say(cached === undefined ? `--> Would run${this.#executed ? " after what changes above" : ""}\n` : `--> Would use cache ${cached.id.slice(0, 12)}\n`);
    if (cached === undefined) this.#executed = true;
    else this.#standing = { ...standingOf(this.#shared.host, cached), annotations: this.#standing.annotations };
    return cached;
  }

  async #plannedText(instruction: Instruction, isFinal: boolean): Promise<string> {
    if (!addsLayer(instruction)) return createdBy(instruction, this.#facts(isFinal));
    if (instruction.name === "run") return createdBy(instruction, (await this.#prepareRun(instruction, isFinal)).facts);
    const copy = await this.#prepareCopy(instruction);
    return createdBy(instruction, this.#copyFacts(copy, this.#noted(await summarize(copy.prepared)), isFinal));
  }

  async #unlayered(instruction: Instruction, { isFinal }: Step): Promise<MadeStep> {
    this.#apply(instruction);
    const text = createdBy(instruction, this.#facts(isFinal));
    const cached = await this.#lookUp(text, false, isFinal);
    if (cached === undefined) this.#executed = true;
    return { text, cached, layer: undefined };
  }

  async #layered(instruction: Instruction, step: Step): Promise<MadeStep> {
    return instruction.name === "run" ? this.#layeredRun(instruction, step) : this.#layeredCopy(instruction, step);
  }

  async #layeredRun(instruction: Instruction, { isFinal }: Step): Promise<MadeStep> {
    const { facts, act, usesFresh } = await this.#prepareRun(instruction, isFinal);
    const text = createdBy(instruction, facts);
    const cached = usesFresh ? undefined : await this.#lookUp(text, true, isFinal);
    if (cached !== undefined) return { text, cached, layer: undefined };
    this.#executed = true;
    await act();
    return { text, cached, layer: this.#takeLayer() };
  }

  async #layeredCopy(instruction: Instruction, { isFinal }: Step): Promise<MadeStep> {
    const copy = await this.#prepareCopy(instruction);
    const isLinked = copy.flags.link;
    const entry = (summary: string): string => createdBy(instruction, this.#copyFacts(copy, summary, isFinal));
    // Read twice only where a first reading can spare the copying.
    if (isLinked || this.#mayBeCached(copyPrefix(instruction, isLinked))) {
      const text = entry(this.#noted(await summarize(copy.prepared)));
      const cached = await this.#lookUp(text, true, isFinal);
      if (cached !== undefined) return { text, cached, layer: undefined };
      const linked = isLinked && this.#request.useCache ? this.#shared.cache.linkedLayer(text) : undefined;
      if (linked !== undefined) return { text, cached, layer: linked };
    }
    this.#executed = true;
    if (isLinked) {
      const alone = this.#shared.newRoot(undefined);
      const text = entry((await executeAlone(copy.prepared, alone.path)).summary);
      return { text, cached: undefined, layer: this.#layerOf(alone.id, []) };
    }
    const text = entry(this.#noted(await execute(copy.prepared, this.#opened().path)));
    return { text, cached: undefined, layer: this.#takeLayer() };
  }

  async #lookUp(text: string, addsLayer: boolean, isFinal: boolean): Promise<StoredImage | undefined> {
    if (!this.#looksUp || (isFinal && this.#request.squash === "all")) return undefined;
    const { cache, remoteCache } = this.#shared;
    const base = this.#cacheBase();
    // What another stage is just doing will be found when it is done.
    this.#endTurn = await this.#shared.turns.take(`${this.#top() ?? ""} ${base.history.length} ${text}`);
    const here = cache.find(base, text, addsLayer);
    if (here !== undefined) return here;
    const why = explainMiss(this.#shared.host, cache, { base, createdBy: text, addsLayer });
    if (why !== undefined) this.#log.say(`--> Runs again: ${why}\n`);
    if (!remoteCache.isUsed || this.#request.planOnly) return undefined;
    const image = await remoteCache.find({ base, createdBy: text, addsLayer }, line => this.#log.say(line));
    this.#pulled = image?.id;
    if (image !== undefined) cache.add(image);
    return image;
  }

  #mayBeCached(prefix: string): boolean {
    return this.#looksUp && (this.#shared.remoteCache.isUsed || this.#shared.cache.candidates(this.#cacheBase(), true).some(candidate => candidate.createdBy.startsWith(prefix)));
  }

  #cacheBase(): { history: readonly History[]; diffIds: readonly Digest[] } {
    return { history: this.#standing.history, diffIds: this.#standing.layers.map(({ diffId }) => diffId) };
  }

  // RUN

  async #prepareRun(instruction: Instruction, isFinal: boolean): Promise<{ facts: StepFacts; act: () => Promise<void>; usesFresh: boolean }> {
    const flags = readRunFlags(this.#config, instruction);
    const mounting = mountingOf({ shared: this.#shared, plan: this.#plan, config: this.#config });
    const trees = await Promise.all(flags.mounts.flatMap(({ from, type }) => (from === undefined || type === "secret" ? [] : [mounting.treeOf(from)])));
    const mounted = await mountedDigests(flags, mounting);
    return {
      facts: { ...this.#facts(isFinal), mounted },
      usesFresh: trees.some(tree => tree.isFresh === true),
      act: async () => {
        const root = this.#opened();
        await executeRun({ shared: this.#shared, stage: this.#config, instruction, flags, root, mounting, console: this.#console });
      },
    };
  }

  // COPY and ADD

  #prepareCopy(instruction: Instruction): Promise<StageCopy> {
    return prepareStageCopy({ shared: this.#shared, plan: this.#plan, config: this.#config, rootToRead: () => this.#rootToRead() }, instruction);
  }

  /** Noted, so that a later build can tell which file has changed. */
  #noted(outcome: CopyOutcome): string {
    noteCopy(this.#shared.host, outcome);
    return outcome.summary;
  }

  #copyFacts({ flags, prepared }: StageCopy, summary: string, isFinal: boolean): StepFacts {
    return { ...this.#facts(isFinal), summary, destination: prepared.destination, isLinked: flags.link && this.#request.layers };
  }

  // Roots and commits

  #open(): { id: string; path: string } {
    return (this.#root ??= this.#shared.newRoot(this.#top()));
  }

  #rootToRead(): string {
    return this.#root?.path ?? this.#shared.tree(this.#top());
  }

  /** With the working directory made, as whoever works in it needs it. */
  #opened(): { id: string; path: string } {
    const root = this.#open();
    const { WorkingDir, User, Volumes } = this.#config.defaults;
    for (const volume of Object.keys(Volumes ?? {})) ensureDirectory(root.path, volume, { uid: 0, gid: 0 });
    if (WorkingDir && WorkingDir !== "/") ensureDirectory(root.path, WorkingDir, ownerQuietly(root.path, User));
    return root;
  }

  #top(): Digest | undefined {
    return chainIds(this.#standing.layers.map(({ diffId }) => diffId)).at(-1);
  }

  #takeLayer(): MadeLayer {
    const { id } = this.#root!;
    this.#root = undefined;
    return this.#layerOf(id, this.#standing.layers.map(({ diffId }) => diffId));
  }

  #layerOf(id: string, below: readonly Digest[]): MadeLayer {
    const mtime = layerTime(this.#request);
    return layerOfRoot(this.#shared.host, id, this.#shared.lease, { below, ...(mtime ? { mtime } : {}) });
  }

  #now(): string {
    return fixedTime(this.#request) ?? rfc3339Nano(nowNs(), "utc");
  }

  async #commit({ createdBy: text, layer, isFinal, empty }: { createdBy: string; layer: MadeLayer | undefined; isFinal: boolean; empty: boolean }): Promise<StoredImage> {
    const { host, lease, cache } = this.#shared;
    const squashed = isFinal && this.#request.squash === "all" ? this.#squash(layer) : undefined;
    const own = squashed === undefined && !empty ? layer ?? this.#takeLayer() : undefined;
    const [first, ...rest] = [...this.#pending, { created: this.#now(), created_by: text, ...(empty ? { empty_layer: true } : {}) }];
    // Of the first step on a base image alone, as Docker's history has it.
    const isFirst = this.#standing.image !== undefined && this.#standing.image.id === this.#baseId;
    const entries = [isFirst ? { ...first!, comment: `FROM ${this.#standing.annotations["org.opencontainers.image.base.name"] ?? ""}` } : first!, ...rest];
    this.#pending = [];
    const image = await commitStage(host, lease, {
      request: this.#request, stage: this.#config, standing: this.#standing, entries, isFinal,
      names: isFinal ? this.#request.tags : [],
      ...(own ? { layer: own } : {}),
      ...(squashed ? { squashed } : {}),
    });
    this.#standing = { ...standingOf(host, image), annotations: this.#standing.annotations };
    cache.add(image);
    log.debug(`created new image ID ${JSON.stringify(image.id)}`);
    if (!isFinal) this.#shared.made.add(image.id);
    return image;
  }

  /** The whole tree, with what is not committed yet. */
  #squash(layer: MadeLayer | undefined): MadeLayer {
    const { host, lease } = this.#shared;
    const mtime = layerTime(this.#request);
    const top = layer === undefined ? this.#top() : chainIds([...this.#standing.layers, layer].map(({ diffId }) => diffId)).at(-1);
    const root = layer === undefined && this.#root ? this.#root : this.#shared.newRoot(top);
    const whole = layerOfWholeRoot(host, root.path, lease, mtime ? { mtime } : {});
    host.store.roots.remove(root.id);
    this.#root = undefined;
    return whole;
  }
}

interface MadeStep {
  readonly text: string;
  readonly cached: StoredImage | undefined;
  readonly layer: MadeLayer | undefined;
}

function ownerQuietly(root: string, user: string | undefined): { uid: number; gid: number } {
  try {
    return ownerIn(root, user);
  } catch (thrown) {
    if (thrown instanceof Fault) return { uid: 0, gid: 0 };
    throw thrown;
  }
}

