// run: a command in a working container's root, with what its image and `from` say, to its end.
// Source: buildah-run(1).

import { mkdirSync, statSync } from "node:fs";
import type { ContainerSpec, MountSpec } from "../../base/container-spec.ts";
import { digestOf, hexOf } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { identityOf } from "../../runtime/identity.ts";
import type { Host } from "../host.ts";
import { type RootRun, runInRoot } from "../steps/run-in-root.ts";
import { copyInside, takeOwner, withDirectoryInRoot } from "../volumes/fill.ts";
import { withWorkingRoot } from "./mount.ts";
import type { WorkingContainer } from "./records.ts";

export interface RunWorking {
  readonly argv: readonly string[];
  /** Laid over what `from` said, field by field; mounts add. */
  readonly spec?: ContainerSpec;
  /** "NAME=VALUE", in place of the image's. */
  readonly env?: readonly string[];
  readonly streams?: RootRun["streams"];
  /** "chroot": in the host's namespaces, but for mounts. */
  readonly isolation?: string;
  /** Named in /run/.containerenv. */
  readonly engine?: string;
}

const hostNamespaces: Pick<ContainerSpec, "namespaces" | "network" | "cgroups"> = {
  namespaces: { pid: { kind: "host" }, ipc: { kind: "host" }, uts: { kind: "host" }, cgroup: { kind: "host" } },
  network: { mode: "host" },
  cgroups: "disabled",
};

/** @throws Fault "usage.invalid" in buildah's words for one that the root does not know */
function checkUser(root: string, user: string): void {
  try {
    identityOf(root, user);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(cause.code, `setting up user ${JSON.stringify(user)}: ${cause.message}: unknown user error`, { cause });
  }
}

/** The host's own, as every run gets them. */
function proxies(): string[] {
  const names = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"].flatMap(name => [name, name.toUpperCase()]);
  return names.flatMap(name => (process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`]));
}

/** The command's exit status. @throws Fault where it could not be started */
export async function runWorking(host: Host, record: WorkingContainer, run: RunWorking): Promise<number> {
  const inner = record.config.config ?? {};
  const asked = merged(record.run, run.spec ?? {});
  return withWorkingRoot(host, record.id, async root => {
    const volumes = builtinVolumes(host, record, { root, taken: (asked.mounts ?? []).map(({ target }) => target) });
    const user = asked.user || inner.User || "";
    checkUser(root, user);
    const workdir = asked.workdir || inner.WorkingDir || "/";
    const spec: ContainerSpec = {
      ...asked,
      command: [...run.argv],
      workdir: workdir.startsWith("/") ? workdir : `/${workdir}`,
      ...(user ? { user } : {}),
      ...(asked.hostname || inner.Hostname ? { hostname: asked.hostname || inner.Hostname! } : {}),
      ...(run.isolation === "chroot" ? hostNamespaces : {}),
      ...(run.engine ? { engine: run.engine } : {}),
      ...(record.imageName ? { imageReference: record.imageName, imageId: record.imageId } : {}),
      mounts: [...volumes, ...(asked.mounts ?? [])],
    };
    const env = environment(inner.Env ?? [], [...(asked.httpProxy === false ? [] : proxies()), ...(run.env ?? [])]);
    return runInRoot(host, {
      id: record.id, name: record.name, spec, env, keepMountpoints: true,
      streams: run.streams ?? { stdin: "inherit" },
    });
  });
}

function merged(base: ContainerSpec, over: ContainerSpec): ContainerSpec {
  const { mounts: baseMounts = [], ...rest } = base;
  return {
    ...rest,
    ...over,
    mounts: [...baseMounts, ...(over.mounts ?? [])],
    ...(base.namespaces || over.namespaces ? { namespaces: { ...base.namespaces, ...over.namespaces } } : {}),
    ...(base.security || over.security ? { security: withCapabilities(base.security, over.security) } : {}),
    ...(base.devices || over.devices ? { devices: [...(base.devices ?? []), ...(over.devices ?? [])] } : {}),
  };
}

/** What a run adds is no longer dropped, and the other way round. */
function withCapabilities(base: ContainerSpec["security"] = {}, over: ContainerSpec["security"] = {}): NonNullable<ContainerSpec["security"]> {
  const plain = (name: string): string => name.toUpperCase().replace(/^CAP_/, "");
  const minus = (list: readonly string[] = [], gone: readonly string[] = []): string[] => list.filter(name => !gone.some(other => plain(other) === plain(name)));
  return {
    ...base,
    ...over,
    capAdd: [...minus(base.capAdd, over.capDrop), ...(over.capAdd ?? [])],
    capDrop: [...minus(base.capDrop, over.capAdd), ...(over.capDrop ?? [])],
  };
}

function environment(image: readonly string[], asked: readonly string[]): string[] {
  const all = new Map<string, string>([["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]]);
  for (const line of [...image, ...asked]) {
    const equals = line.indexOf("=");
    if (equals > 0) all.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return [...all].map(([name, value]) => `${name}=${value}`);
}

/** An image's VOLUMEs are kept beside the root, so that what is written there never comes into a layer. */
function builtinVolumes(host: Host, record: WorkingContainer, { root, taken }: { root: string; taken: readonly string[] }): MountSpec[] {
  const wanted = Object.keys(record.config.config?.Volumes ?? {}).filter(target => target.startsWith("/") && !taken.includes(target));
  return wanted.map(target => {
    const source = `${host.paths.staticDir(record.id)}/volumes/${hexOf(digestOf(target)).slice(0, 32)}`;
    if (statSync(source, { throwIfNoEntry: false }) === undefined) {
      mkdirSync(source, { recursive: true, mode: 0o755 });
      withDirectoryInRoot(root, target, inside => {
        copyInside(inside, source, target);
        takeOwner(inside, source);
      });
    }
    return { kind: "bind", source, target, relabel: "shared", options: ["rbind", "rprivate"] };
  });
}
