// Volumes: named directories that outlive containers, and the anonymous ones that do not.

import type { Host } from "../host.ts";
import type { Outcome } from "../batch.ts";

export interface Volume {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  readonly uid?: number;
  readonly gid?: number;
  /** The first container to mount it still has to fill it from its image. */
  readonly needsCopyUp: boolean;
}

export interface CreateVolume {
  /** Absent: random. */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly ignore?: boolean;
  readonly anonymous?: boolean;
}

export function createVolume(host: Host, options: CreateVolume = {}): Volume {
  throw new Error("not written yet");
}
export function listVolumes(host: Host, filters: readonly string[] = []): Volume[] {
  throw new Error("not written yet");
}
/** @throws Fault "volume.not-found" */
export function getVolume(host: Host, nameOrPrefix: string): Volume {
  throw new Error("not written yet");
}
export async function removeVolumes(
  host: Host,
  choice: { names?: readonly string[]; all?: boolean },
  options: { force?: boolean; timeout?: number } = {},
): Promise<Outcome[]> {
  throw new Error("not written yet");
}
export function pruneVolumes(host: Host, filters: readonly string[] = []): { outcomes: Outcome[]; bytes: number } {
  throw new Error("not written yet");
}
/** podman's volume inspect JSON. */
export function inspectVolume(host: Host, volume: Volume): Record<string, unknown> {
  throw new Error("not written yet");
}
