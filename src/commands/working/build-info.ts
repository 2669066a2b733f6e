// What `buildah inspect` knows of a working container or an image, as its JSON and as its templates name it.
// Source: buildah-inspect(1); OCI image-spec config.md; Docker image-spec v1.2.

import { GoDuration } from "../../base/duration.ts";
import type { Healthcheck, History, ImageConfig, ImageDefaults } from "../../base/oci-image.ts";
import { goTimeString } from "../../base/time.ts";

/** One value in both forms: what JSON prints, and what a template sees, fields under their Go names. */
interface Shown {
  readonly json: unknown;
  readonly go: unknown;
}

/** A field: its Go name, its JSON name, its value, and whether JSON leaves it out when it is empty. */
type Field = readonly [go: string, json: string, value: Shown, omitEmpty?: boolean];

const same = (value: unknown): Shown => ({ json: value, go: value });
const texts = (list: readonly string[] | undefined): Shown => ({ json: list ?? null, go: list ?? null });
const map = (entries: Readonly<Record<string, unknown>> | undefined): Shown => {
  const sorted = Object.entries(entries ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return { json: entries === undefined ? null : Object.fromEntries(sorted), go: new Map(sorted) };
};
const time = (written: string | undefined): Shown => ({ json: written ?? "0001-01-01T00:00:00Z", go: written ? goTimeString(written, "utc") : "0001-01-01 00:00:00 +0000 UTC" });
const span = (ns: number | undefined): Shown => ({ json: ns ?? 0, go: new GoDuration(ns ?? 0) });

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || value === "" || value === 0 || value === false ||
  (typeof value === "object" && !(value instanceof Map) && Object.keys(value).length === 0);

function struct(fields: readonly Field[]): Shown {
  const json: Record<string, unknown> = {};
  const go: Record<string, unknown> = {};
  for (const [goName, jsonName, value, omitEmpty] of fields) {
    go[goName] = value.go;
    if (!omitEmpty || !isEmpty(value.json)) json[jsonName] = value.json;
  }
  return { json, go };
}

const list = (items: readonly Shown[] | undefined): Shown => ({ json: items?.map(({ json }) => json) ?? null, go: items?.map(({ go }) => go) ?? null });

function history(entries: readonly History[] | undefined): Shown {
  return list(entries?.map(({ created, created_by, author, comment, empty_layer }) => struct([
    ["Created", "created", time(created)],
    ["CreatedBy", "created_by", same(created_by ?? ""), true],
    ["Author", "author", same(author ?? ""), true],
    ["Comment", "comment", same(comment ?? ""), true],
    ["EmptyLayer", "empty_layer", same(empty_layer ?? false), true],
  ])));
}

function rootfs({ rootfs: { diff_ids: ids } }: ImageConfig): Shown {
  return struct([["Type", "type", same("layers")], ["DiffIDs", "diff_ids", texts(ids)]]);
}

function ociImage(config: ImageConfig): Shown {
  const inner: ImageDefaults = config.config ?? {};
  const defaults = struct([
    ["User", "User", same(inner.User ?? ""), true],
    ["ExposedPorts", "ExposedPorts", map(inner.ExposedPorts), true],
    ["Env", "Env", texts(inner.Env), true],
    ["Entrypoint", "Entrypoint", texts(inner.Entrypoint), true],
    ["Cmd", "Cmd", texts(inner.Cmd), true],
    ["Volumes", "Volumes", map(inner.Volumes), true],
    ["WorkingDir", "WorkingDir", same(inner.WorkingDir ?? ""), true],
    ["Labels", "Labels", map(inner.Labels), true],
    ["StopSignal", "StopSignal", same(inner.StopSignal ?? ""), true],
    ["ArgsEscaped", "ArgsEscaped", same(inner.ArgsEscaped ?? false), true],
  ]);
  return struct([
    ["Created", "created", time(config.created)],
    ["Author", "author", same(config.author ?? ""), true],
    ...platform(config),
    ["Config", "config", defaults],
    ["RootFS", "rootfs", rootfs(config)],
    ["History", "history", history(config.history), true],
  ]);
}

const platform = (config: ImageConfig): Field[] => [
  ["Architecture", "architecture", same(config.architecture)],
  ["OS", "os", same(config.os)],
  ["OSVersion", "os.version", same(config["os.version"] ?? ""), true],
  ["OSFeatures", "os.features", texts(config["os.features"]), true],
  ["Variant", "variant", same(config.variant ?? ""), true],
];

function healthcheck(check: Healthcheck | undefined): Shown {
  if (check === undefined) return { json: null, go: undefined };
  return struct([
    ["Test", "Test", texts(check.Test), true],
    ["Interval", "Interval", span(check.Interval), true],
    ["Timeout", "Timeout", span(check.Timeout), true],
    ["StartPeriod", "StartPeriod", span(check.StartPeriod), true],
    ["StartInterval", "StartInterval", span(check.StartInterval), true],
    ["Retries", "Retries", same(check.Retries ?? 0), true],
  ]);
}

function dockerDefaults(inner: ImageDefaults): Shown {
  const plain = (name: string, value: unknown): Field => [name, name, same(value)];
  return struct([
    plain("Hostname", inner.Hostname ?? ""), plain("Domainname", inner.Domainname ?? ""), plain("User", inner.User ?? ""),
    plain("AttachStdin", false), plain("AttachStdout", false), plain("AttachStderr", false),
    ["ExposedPorts", "ExposedPorts", map(inner.ExposedPorts), true],
    plain("Tty", false), plain("OpenStdin", false), plain("StdinOnce", false),
    ["Env", "Env", texts(inner.Env)],
    ["Cmd", "Cmd", texts(inner.Cmd)],
    ["Healthcheck", "Healthcheck", healthcheck(inner.Healthcheck), true],
    ["ArgsEscaped", "ArgsEscaped", same(inner.ArgsEscaped ?? false), true],
    plain("Image", ""),
    ["Volumes", "Volumes", map(inner.Volumes)],
    plain("WorkingDir", inner.WorkingDir ?? ""),
    ["Entrypoint", "Entrypoint", texts(inner.Entrypoint)],
    ["OnBuild", "OnBuild", texts(inner.OnBuild)],
    ["Labels", "Labels", map(inner.Labels)],
    ["StopSignal", "StopSignal", same(inner.StopSignal ?? ""), true],
    ["Shell", "Shell", texts(inner.Shell), true],
  ]);
}

function dockerImage(config: ImageConfig): Shown {
  const defaults = dockerDefaults(config.config ?? {});
  return struct([
    ["Comment", "comment", same(config.comment ?? ""), true],
    ["Created", "created", time(config.created)],
    ["Container", "container", same(config.container ?? ""), true],
    ["ContainerConfig", "container_config", defaults],
    ["DockerVersion", "docker_version", same(""), true],
    ["Author", "author", same(config.author ?? ""), true],
    ["Config", "config", defaults],
    ["Architecture", "architecture", same(config.architecture), true],
    ["Variant", "variant", same(config.variant ?? ""), true],
    ["OS", "os", same(config.os), true],
    ["Size", "Size", same(0), true],
    ["Parent", "parent", same(""), true],
    ["RootFS", "rootfs", rootfs(config)],
    ["History", "history", history(config.history), true],
    ["OSVersion", "os.version", same(config["os.version"] ?? ""), true],
    ["OSFeatures", "os.features", texts(config["os.features"]), true],
  ]);
}

export interface BuildFacts {
  readonly image: { readonly name: string; readonly id: string; readonly digest: string };
  /** Of the base, as stored; "" for scratch. */
  readonly configText: string;
  readonly manifestText: string;
  readonly container: string;
  readonly containerId: string;
  readonly mountPoint: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdBy: string;
  readonly config: ImageConfig;
  readonly prepended: readonly History[];
  readonly groups: readonly string[] | undefined;
  readonly isolation: string;
  readonly cni?: { readonly configDir: string; readonly pluginPath: string };
  readonly namespaces: readonly { readonly name: string; readonly host: boolean; readonly path: string }[];
  readonly capabilities: readonly string[];
}

export function buildInfo(facts: BuildFacts): Shown {
  const plain = (name: string, value: unknown): Field => [name, name, same(value)];
  const namespaces = facts.namespaces.map(({ name, host, path }) => struct([plain("Name", name), plain("Host", host), plain("Path", path)]));
  const maps = struct([
    plain("HostUIDMapping", true), plain("HostGIDMapping", true), plain("UIDMap", []), plain("GIDMap", []), plain("AutoUserNs", false),
  ]);
  return struct([
    plain("Type", "buildah 0.0.1"),
    plain("FromImage", facts.image.name), plain("FromImageID", facts.image.id), plain("FromImageDigest", facts.image.digest),
    ["GroupAdd", "GroupAdd", texts(facts.groups)],
    plain("Config", facts.configText), plain("Manifest", facts.manifestText),
    plain("Container", facts.container), plain("ContainerID", facts.containerId), plain("MountPoint", facts.mountPoint),
    plain("ProcessLabel", ""), plain("MountLabel", ""),
    ["ImageAnnotations", "ImageAnnotations", map(facts.annotations)],
    plain("ImageCreatedBy", facts.createdBy),
    ["OCIv1", "OCIv1", ociImage(facts.config)],
    ["Docker", "Docker", dockerImage(facts.config)],
    plain("DefaultMountsFilePath", ""), plain("Isolation", facts.isolation),
    ["NamespaceOptions", "NamespaceOptions", list(namespaces)],
    ["Capabilities", "Capabilities", texts(facts.capabilities)],
    plain("ConfigureNetwork", "NetworkDefault"), plain("CNIPluginPath", facts.cni?.pluginPath ?? ""), plain("CNIConfigDir", facts.cni?.configDir ?? ""),
    ["IDMappingOptions", "IDMappingOptions", maps],
    ["History", "History", history([...(facts.config.history ?? []), ...facts.prepended])],
    plain("Devices", []), plain("DeviceSpecs", null), plain("CDIConfigDir", ""),
  ]);
}
