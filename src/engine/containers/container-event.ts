// What an event about a container says of it.

import { writeEvent, type NewEvent } from "../events.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

export function containerEvent(host: Host, { id, name, spec }: ContainerRecord, status: string, more: Partial<NewEvent> = {}): void {
  writeEvent(host, {
    Type: "container", Status: status, Name: name, ID: id, Image: spec.imageReference ?? spec.imageName ?? "",
    Attributes: spec.labels ?? {}, ...more,
  });
}
