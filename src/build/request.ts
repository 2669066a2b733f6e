// What a build is asked for: plain data, whoever asks.

import type { ContainerSpec } from "../base/container-spec.ts";
import type { SbomScan } from "../engine/sbom/scan.ts";
import type { OnProgress } from "../image/progress.ts";
import type { PullPolicy } from "../image/pull.ts";
import type { Prompt } from "../image/short-names.ts";
import type { ImageSystem } from "../image/system.ts";
import type { PlatformChoice } from "../image/platform.ts";
import type { WebFileOptions } from "../image/web-file.ts";
import type { IgnoreRules } from "./ignore.ts";
import type { Drawing } from "./live-output.ts";

/** A tree or image beside the context: --build-context. */
export interface NamedContext {
  readonly kind: "image" | "directory";
  readonly value: string;
  /** Of a directory with an ignore file of its own. */
  readonly ignore?: IgnoreRules;
}

export interface BuildSecret {
  readonly id: string;
  readonly read: () => Uint8Array;
}

/** One socket or several keys for RUN --mount=type=ssh. */
export interface BuildSsh {
  readonly id: string;
  readonly paths: readonly string[];
}

export interface BuildRequest {
  /** Where sources lie; absolute. */
  readonly contextDirectory: string;
  readonly containerfiles: readonly { readonly name: string; readonly text: string }[];
  readonly ignore: IgnoreRules;
  readonly ignoreFile?: string;
  /** Whole names. */
  readonly tags: readonly string[];
  readonly format: "oci" | "docker";
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly contexts: ReadonlyMap<string, NamedContext>;
  readonly secrets: ReadonlyMap<string, BuildSecret>;
  readonly ssh: ReadonlyMap<string, BuildSsh>;
  readonly target?: string;
  /** Stands for the image of the first FROM. */
  readonly from?: string;
  readonly platform?: PlatformChoice;
  readonly pull: PullPolicy;
  readonly system: ImageSystem;
  readonly prompt?: Prompt;
  readonly onProgress: OnProgress;

  /** Each ADD, COPY and RUN is a layer and an image of its own; else all of them are one. */
  readonly layers: boolean;
  readonly useCache: boolean;
  /** Stages whose steps run again all the same: --no-cache-filter. */
  readonly noCacheStages: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly cacheTtlMs?: number;
  readonly squash: "no" | "new" | "all";
  readonly skipUnusedStages: boolean;
  /** Stages at once; 0 means as many as there are. */
  readonly jobs: number;

  readonly labels: readonly string[];
  readonly layerLabels: readonly string[];
  readonly annotations: readonly string[];
  readonly env: readonly string[];
  readonly unsetEnv: readonly string[];
  readonly unsetLabels: readonly string[];
  readonly unsetAnnotations: readonly string[];
  readonly inheritLabels: boolean;
  readonly inheritAnnotations: boolean;
  /** io.buildah.version; undefined: unless a fixed time is asked for. */
  readonly identityLabel?: boolean;
  readonly builderVersion: string;
  readonly createdAnnotation: boolean;
  readonly omitHistory: boolean;
  readonly osVersion?: string;
  readonly osFeatures: readonly string[];

  /** Seconds since 1970: of the config and of every file. */
  readonly timestamp?: number;
  /** Seconds since 1970: of the config, and with `rewriteTimestamp` the latest a file may have. */
  readonly sourceDateEpoch?: number;
  readonly rewriteTimestamp: boolean;

  /** What every RUN has besides its own: limits, capabilities, mounts, network, names. */
  readonly spec: ContainerSpec;
  readonly stdin: boolean;
  /** What RUNs write into VOLUMEs goes with them. */
  readonly compatVolumes: boolean;
  /** A bill of materials is made of the result. */
  readonly sbom?: SbomScan;
  /** What to do in a RUN that has failed. */
  readonly onFail: "stop" | "shell";
  /** Whose containers stay behind: of every step, of one that fails, of none. */
  readonly keeps: "all" | "failed" | "none";
  /** Where stages are drawn as they run; else they are printed in their order. */
  readonly drawing?: Drawing;
  /** Whether our standard streams are a terminal. */
  readonly hasTerminal: boolean;
  /** Nothing runs: only what the cache would give is said. */
  readonly planOnly: boolean;
  readonly quiet: boolean;
  readonly logPrefix: string;
  readonly warn: (message: string) => void;
  readonly out: (data: string | Uint8Array) => void;
  readonly err: (data: string | Uint8Array) => void;
  readonly signal?: AbortSignal;
  readonly showsStepId: boolean;
  /** The first tag as it was written, for COMMIT lines. */
  readonly shownTag?: string;
  /** How sources of ADD that lie elsewhere are fetched. */
  readonly web: WebFileOptions;
}

/** The name of the machine that RUNs see where the time is fixed: a step may write it down. */
export const fixedHostname = "sandbox";

/** The time everything gets where one was asked for, as RFC 3339. */
export function fixedTime({ timestamp, sourceDateEpoch }: Pick<BuildRequest, "timestamp" | "sourceDateEpoch">): string | undefined {
  const seconds = timestamp ?? sourceDateEpoch;
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
