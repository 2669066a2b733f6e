// What an event about a container says of it.

import { writeEvents, type NewEvent } from "../events.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

const eventOf = ({ id, name, spec }: ContainerRecord, status: string, more: Partial<NewEvent> = {}): NewEvent =>
  ({ Type: "container", Status: status, Name: name, ID: id, Image: spec.imageReference ?? spec.imageName ?? "", Attributes: spec.labels ?? {}, ...more });

export const containerEvent = (host: Host, record: ContainerRecord, status: string, more: Partial<NewEvent> = {}): void =>
  writeEvents(host, [eventOf(record, status, more)]);

/** Of each the same, by one write. */
export const containerEvents = (host: Host, records: readonly ContainerRecord[], status: string): void =>
  writeEvents(host, records.map(record => eventOf(record, status)));
