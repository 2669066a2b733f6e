// Events: one JSON line for each thing that happened, appended to the events file, read back by filters.

import type { Host } from "./host.ts";

export interface Event {
  readonly Name: string;
  readonly Status: string;
  /** RFC 3339 with nanoseconds. */
  readonly Time: string;
  readonly Type: "container" | "image" | "volume" | "network" | "pod" | "system" | "secret";
  readonly ID?: string;
  readonly Image?: string;
  readonly Network?: string;
  readonly ContainerExitCode?: number;
  readonly Attributes?: Readonly<Record<string, string>>;
}

export function writeEvent(host: Host, event: Omit<Event, "Time">): void {
  throw new Error("not written yet");
}

export interface EventOptions {
  readonly filters?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly stream?: boolean;
}

export async function* events(host: Host, options: EventOptions = {}): AsyncGenerator<Event> {
  throw new Error("not written yet");
}
