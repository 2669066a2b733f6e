// What is noted of a container that is being removed, so that whoever comes after a crash knows what of it may still be there.

import type { ContainerRecord } from "../state/state.ts";

/** `volumes`: those without a name go with it. What its state says of its network is still to be taken down. */
export const removalNote = ({ id, name, spec, state }: ContainerRecord, volumes: boolean): ContainerRecord =>
  ({ id, name, spec: { ...spec, remove: volumes }, state: { ...state, status: "removing" } });
