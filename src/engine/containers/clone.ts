// clone: a new container with the settings of another one.
// Source: podman-container-clone(1).

import type { ContainerSpec, LearnSpec } from "../../base/container-spec.ts";
import type { Host } from "../host.ts";
import { create, type CreateOptions, type Created } from "./create.ts";
import { withLimits } from "./limits.ts";
import { find, get } from "./lookup.ts";
import type { ContainerRecord } from "../state/state.ts";

export interface CloneOptions extends CreateOptions {
  readonly name?: string;
  /** Another image than the original's. */
  readonly imageName?: string;
  /** Limits of its own. */
  readonly resources?: ContainerSpec["resources"];
  /** What its runs teach is noted, as by label=learn:NAME. */
  readonly learn?: LearnSpec;
  /** The original goes. */
  readonly destroy?: boolean;
  /** Even while it runs. */
  readonly force?: boolean;
}

/** "web-clone", "web-clone1", … */
function freeName(host: Host, name: string): string {
  const base = `${name.replace(/-clone\d*$/, "")}-clone`;
  for (let number = 0; ; number++) {
    const candidate = number === 0 ? base : `${base}${number}`;
    if (!find(host, candidate)) return candidate;
  }
}

/** What belongs to one container alone stays with it: files, addresses, the name it gave itself. */
function specFor({ id, name, spec }: ContainerRecord, options: CloneOptions): ContainerSpec {
  const { cidfile: _cid, pidfile: _pid, conmonPidfile: _conmon, log, network, hostname, env, imageId: _image, imageReference, argv: _argv, ...rest } = spec;
  const { path, ...logged } = log ?? { driver: "k8s-file" as const };
  const isOwnLog = path === undefined || path.includes(id);
  const isOwnName = hostname === id.slice(0, 12) || hostname === name;
  const { HOSTNAME: _host, ...environment } = env ?? {};
  return {
    ...rest,
    ...(spec.rootfs ? {} : { imageName: options.imageName ?? imageReference ?? spec.imageName ?? "" }),
    env: isOwnName ? environment : env ?? {},
    ...(isOwnName || hostname === undefined ? {} : { hostname }),
    log: isOwnLog ? logged : { ...logged, path },
    ...(network ? { network: { ...network, ...(network.networks ? { networks: network.networks.map(({ ips: _ips, mac: _mac, ...one }) => one) } : {}) } } : {}),
    ...(options.learn ? { security: { ...spec.security, labels: [], learn: options.learn } } : {}),
    ...(options.resources ? { resources: withLimits(spec.resources, options.resources) } : {}),
  };
}

/** @throws Fault of creating; the original is untouched then */
export async function clone(host: Host, nameOrId: string, options: CloneOptions = {}): Promise<Created> {
  const original = get(host, nameOrId);
  const { name: _own, ...copied } = specFor(original, options);
  const spec = { ...copied, ...(options.name ? { name: options.name } : {}) };
  const created = await create(host, spec, { ...options, replace: false, nextName: () => freeName(host, original.name) });
  if (options.destroy) {
    const { remove } = await import("./remove.ts");
    const [outcome] = await remove(host, { names: [original.id] }, { force: options.force ?? false });
    if (outcome?.fault) throw outcome.fault;
  }
  return created;
}
