// The network of programs that run without being containers of the list: made once, used by any number of runs.

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { randomId } from "../containers/names.ts";
import { networkOf } from "../containers/resolve-network.ts";
import type { Host } from "../host.ts";
import { connect, disconnect, hasOwnNamespace, isBridged, join, makeNamespace } from "../networks/connect.ts";
import type { ContainerRecord } from "../state/state.ts";

export interface StepNetwork {
  /** Absent: the host's, or what the spec names by path. */
  readonly namespace?: string;
  readonly status?: Record<string, NetworkStatus>;
  /** Takes it down; once. */
  close(): Promise<void>;
}

/** @throws Fault "network.failed", "component.missing" */
export async function openStepNetwork(host: Host, spec: Pick<ContainerSpec, "network" | "dnsServers" | "hostname">): Promise<StepNetwork> {
  const id = randomId();
  const network = networkOf(host, spec);
  const record: ContainerRecord = { id, name: id.slice(0, 12), spec: { ...spec, network }, state: { status: "created", createdAt: "" } };
  if (!hasOwnNamespace(record)) return { close: async () => {} };
  const namespace = makeNamespace(host, id);
  let status: Record<string, NetworkStatus> | undefined;
  const close = (): Promise<void> => disconnect(host, record, { ...record.state, ...(status ? { networkStatus: status } : {}) });
  try {
    if (isBridged(record)) status = await connect(host, record, join(host, record));
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { namespace, ...(status ? { status } : {}), close };
}
