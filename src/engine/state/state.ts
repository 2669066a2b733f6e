// State: what is kept of containers, volumes, exec sessions and addresses, in the store's database.

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { ContainerState } from "../../base/container-state.ts";

/** One container as kept. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly state: ContainerState;
}

/** See state/open.ts for how it is opened. */
export interface State {
  containers(): ContainerRecord[];
  findById(id: string): ContainerRecord | undefined;
  findByName(name: string): ContainerRecord | undefined;
  findByPrefix(prefix: string): ContainerRecord[];
  latest(): ContainerRecord | undefined;
  insert(record: ContainerRecord): void;
  saveState(id: string, state: ContainerState): void;
  saveSpec(id: string, spec: ContainerSpec): void;
  remove(id: string): void;
  /** Exit codes outlive their containers a while. */
  keepExitCode(id: string, code: number): void;
  exitCode(id: string): number | undefined;
}
