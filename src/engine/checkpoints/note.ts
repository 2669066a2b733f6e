// What is written down of a container that a dump has ended.

import { nowRfc3339Nano } from "../../base/time.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { containerEvent } from "../containers/container-event.ts";
import { checkpointFiles, forgetCheckpoint, isWhole } from "./files.ts";
import { saveShm } from "./shm.ts";

/** Called before anything of the container is taken down; a dump that broke off is thrown away, and the run just ended. */
export function noteDump(host: Host, record: ContainerRecord): ContainerRecord {
  const files = checkpointFiles(host, record.id);
  const { checkpointing: _checkpointing, restored: _restored, restoredAt: _restoredAt, restoreLog: _log, ...rest } = record.state;
  if (!isWhole(files)) {
    forgetCheckpoint(files);
    return { ...record, state: rest };
  }
  saveShm(host, record, files.shm);
  containerEvent(host, record, "checkpoint");
  return { ...record, state: { ...rest, checkpointed: true, checkpointedAt: nowRfc3339Nano(), checkpointPath: files.images } };
}
