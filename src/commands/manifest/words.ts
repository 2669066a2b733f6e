// What the manifest verbs of podman and buildah share: options, how entries are written, and in whose words they answer.
// Source: podman-manifest(1), buildah-manifest(1).

import { list, text, texts } from "../../cli/flag.ts";
import type { EntryChange } from "../../image/manifest-list.ts";
import { refuse } from "../container/written/refuse.ts";
import type { Invocation } from "../verb.ts";

export const entryFlags = {
  annotation: texts({ help: "set an annotation for the specified image" }),
  arch: text({ help: "override the architecture of the specified image" }),
  features: list({ help: "override the features of the specified image" }),
  os: text({ value: "OS", help: "override the OS of the specified image" }),
  osFeatures: list({ help: "override the OS features of the specified image" }),
  osVersion: text({ value: "version", help: "override the OS version of the specified image" }),
  variant: text({ value: "Variant", help: "override the Variant of the specified image" }),
} as const;

export interface WrittenEntry {
  readonly annotation: readonly string[];
  readonly arch?: string | undefined;
  readonly features: readonly string[];
  readonly os?: string | undefined;
  readonly osFeatures: readonly string[];
  readonly osVersion?: string | undefined;
  readonly variant?: string | undefined;
}

/** @throws Fault "usage.invalid" for an annotation without "=" */
export function changeOf({ annotation, arch, features, os, osFeatures, osVersion, variant }: WrittenEntry): EntryChange {
  return {
    ...(os ? { os } : {}),
    ...(arch ? { architecture: arch } : {}),
    ...(variant ? { variant } : {}),
    ...(osVersion ? { osVersion } : {}),
    ...(osFeatures.length > 0 ? { osFeatures } : {}),
    ...(features.length > 0 ? { features } : {}),
    ...(annotation.length > 0 ? { annotations: annotationsOf(annotation) } : {}),
  };
}

export function annotationsOf(written: readonly string[]): Record<string, string> {
  return Object.fromEntries(written.map((line) => {
    const equals = line.indexOf("=");
    if (equals < 0) throw refuse(`no "=" found in annotation ${JSON.stringify(line)}`);
    return [line.slice(0, equals), line.slice(equals + 1)];
  }));
}

export const isBuildah = ({ persona }: Invocation): boolean => persona === "buildah";
