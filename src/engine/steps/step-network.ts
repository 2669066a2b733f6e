// The network of programs that run without being containers of the list: made once, used by any number of runs.

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { randomId } from "../containers/names.ts";
import { networkOf } from "../containers/resolve-network.ts";
import type { Host } from "../host.ts";
import {
  connect, connectOutward, disconnect, hasOwnNamespace, isBridged, join, makeNamespace, namespacePath, plannedStatus, refuseUnreachable,
} from "../networks/connect.ts";
import { forgetLock, holdLock } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { openUsers, type StartUsers } from "../users/start.ts";

export interface StepNetwork {
  /** The user namespace of the runs, which owns this network where it is one of its own. */
  readonly users: StartUsers;
  /** Absent: the host's, or what the spec names by path. */
  readonly namespace?: string;
  readonly status?: Record<string, NetworkStatus>;
  /** Takes it down; once. */
  close(): Promise<void>;
}

/** @throws Fault "network.failed", "component.missing" */
export async function openStepNetwork(host: Host, spec: ContainerSpec): Promise<StepNetwork> {
  const id = randomId();
  const network = networkOf(host, spec);
  const record: ContainerRecord = { id, name: id.slice(0, 12), spec: { ...spec, network }, state: { status: "created", createdAt: "" } };
  refuseUnreachable(host, record);
  const users = openUsers(spec, hasOwnNamespace(record));
  if (!hasOwnNamespace(record)) return { users, close: async () => users[Symbol.dispose]() };
  const held = await holdLock(host, id);
  let status: Record<string, NetworkStatus> | undefined;
  const close = async (): Promise<void> => {
    users[Symbol.dispose]();
    await disconnect(host, record, { ...record.state, ...(status ? { networkStatus: status } : {}) });
    host.state.forgetLeaving(id);
    forgetLock(host, id);
    held.release();
  };
  try {
    const joined = host.state.transaction(() => {
      const found = isBridged(record) ? join(host, record) : [];
      const { dnsServers, hostname } = spec;
      const needed = { network, ...(dnsServers ? { dnsServers } : {}), ...(hostname ? { hostname } : {}) };
      host.state.noteUnfinished({ ...record, spec: needed, state: { ...record.state, networkStatus: plannedStatus(found) } });
      return found;
    });
    const namespace = makeNamespace(host, id, users.networkPath);
    await connectOutward(host, record, namespace);
    if (joined.length > 0) status = await connect(host, record, joined);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { users, namespace: namespacePath(host, id), ...(status ? { status } : {}), close };
}
