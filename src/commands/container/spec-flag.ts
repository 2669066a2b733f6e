// Pairs a flag with the field of ContainerSpec it sets.

import type { ContainerSpec } from "../../base/container-spec.ts";
import { sets, type Flag, type SpecFlag } from "../../cli/flag.ts";

export function field<T>(flag: Flag<T>, set: (spec: ContainerSpec, value: NonNullable<T>) => void): SpecFlag<ContainerSpec, T> {
  return sets<ContainerSpec, T>(flag, set);
}
