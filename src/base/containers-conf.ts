// containers.conf: the machine's and the person's defaults for containers, engine and networks.
// Source: containers.conf(5) of containers/common.

import { readdirSync, readFileSync } from "node:fs";
import { configHome, findModule } from "./conf-module.ts";
import { Fault, errnoOf, reasonOf } from "./fault.ts";
import { parseToml } from "./toml.ts";
import type { TomlTable } from "./toml.ts";

type Shape = "text" | "texts" | "whole" | "toggle" | "size" | "table" | "any";

/** Every key we know, by section. Known keys that nothing of ours uses are here so that they do not warn. */
const shapes = {
  containers: {
    annotations: "texts", apparmor_profile: "text", base_hosts_file: "text", cgroup_conf: "texts", cgroupns: "text",
    cgroups: "text", container_name_as_hostname: "toggle", default_capabilities: "texts", default_sysctls: "texts",
    default_ulimits: "texts", devices: "texts", dns_options: "texts", dns_searches: "texts", dns_servers: "texts",
    env: "texts", env_host: "toggle", host_containers_internal_ip: "text", http_proxy: "toggle", init: "toggle",
    init_path: "text", interface_name: "text", ipcns: "text", keyring: "toggle", label: "toggle",
    label_users: "toggle", log_driver: "text", log_path: "text", log_size_max: "whole", log_tag: "text",
    mounts: "texts", netns: "text", no_hosts: "toggle", no_hostname: "toggle", oom_score_adj: "whole",
    pidns: "text", pids_limit: "whole", prepare_volume_on_create: "toggle", privileged: "toggle",
    read_only: "toggle", seccomp_profile: "text", shm_size: "text", tz: "text", umask: "text", userns: "text",
    userns_size: "whole", utsns: "text", volumes: "texts",
  },
  engine: {
    active_service: "text", add_compression: "texts", cdi_spec_dirs: "texts", cgroup_check: "toggle",
    cgroup_manager: "text", compat_api_enforce_docker_hub: "toggle", compose_providers: "texts",
    compose_warning_logs: "toggle", conmon_env_vars: "texts", conmon_path: "texts", conmonrs_path: "texts",
    database_backend: "text", detach_keys: "text", enable_port_reservation: "toggle", env: "texts",
    events_container_create_inspect_data: "toggle", events_logfile_max_size: "size", events_logfile_path: "text",
    events_logger: "text", exit_command_delay: "whole", healthcheck_events: "toggle", helper_binaries_dir: "texts",
    hooks_dir: "texts", image_build_format: "text", image_copy_tmp_dir: "text", image_default_format: "text",
    image_default_transport: "text", image_parallel_copies: "whole", image_volume_mode: "text",
    infra_command: "text", infra_image: "text", init_path: "text", kube_generate_type: "text", lock_type: "text",
    multi_image_archive: "toggle", namespace: "text", network_cmd_options: "texts", network_cmd_path: "text",
    no_pivot_root: "toggle", num_locks: "whole", platform_to_oci_runtime: "table", pod_exit_policy: "text",
    pull_policy: "text", remote: "toggle", remote_identity: "text", remote_uri: "text", retry: "whole",
    retry_delay: "text", runtime: "text", runtime_path: "texts", runtime_supports_json: "texts",
    runtime_supports_kvm: "texts", runtime_supports_nocgroup: "texts", runtimes: "table", runtimes_flags: "table",
    service_destinations: "any", service_timeout: "whole", ssh_config: "text", static_dir: "text",
    stop_timeout: "whole", tmp_dir: "text", volume_path: "text", volume_plugin_timeout: "whole",
    volume_plugins: "table", chown_copied_files: "toggle", compression_format: "text", compression_level: "whole",
    podmansh_timeout: "whole",
  },
  network: {
    network_backend: "text", cni_plugin_dirs: "texts", netavark_plugin_dirs: "texts", firewall_driver: "text",
    default_network: "text", default_subnet: "text", default_subnet_pools: "any", default_rootless_network_cmd: "text",
    network_config_dir: "text", dns_bind_port: "whole", pasta_options: "texts", default_host_ips: "texts",
  },
  secrets: { driver: "text", opts: "table" },
} as const satisfies Record<string, Record<string, Shape>>;

/** Keys whose setting has no effect here, and what a person can do instead. */
const withoutEffect: Readonly<Record<string, string>> = {
  "engine.image_build_format": "name the format with --format or BUILDAH_FORMAT",
  "engine.image_default_format": "images keep the format they have; name another with --format, or for builds with BUILDAH_FORMAT",
  "engine.network_cmd_path": "slirp4netns and pasta are looked for in helper_binaries_dir",
  "engine.network_cmd_options": "name them with --network slirp4netns:OPTIONS",
  "engine.platform_to_oci_runtime": "name a runtime with --runtime",
};

const otherSections: readonly string[] = ["configmaps", "machine", "farms", "podmansh"];

type ValueOf<S> = S extends "text" ? string
  : S extends "texts" ? readonly string[]
  : S extends "whole" | "size" ? number
  : S extends "toggle" ? boolean
  : S extends "table" ? Readonly<Record<string, unknown>>
  : unknown;

type Section<N extends keyof typeof shapes> = { -readonly [K in keyof (typeof shapes)[N]]?: ValueOf<(typeof shapes)[N][K]> };

/** What the files say together; an absent field was in none of them. */
export interface ContainersConf {
  readonly containers: Readonly<Section<"containers">>;
  readonly engine: Readonly<Section<"engine">>;
  readonly network: Readonly<Section<"network">>;
  readonly secrets: Readonly<Section<"secrets">>;
  /** One sentence each, such as unknown keys. */
  readonly warnings: readonly string[];
  readonly files: readonly string[];
}

export interface ContainersConfPlaces {
  /** Environment: CONTAINERS_CONF replaces all files, CONTAINERS_CONF_OVERRIDE is read last. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly rootless?: boolean;
  /** --module: file names looked for in containers.conf.modules directories. */
  readonly modules?: readonly string[];
}

interface Reading {
  readonly file: string;
  readonly text: string;
}

function lineOf(reading: Reading, section: string, key: string): number | undefined {
  let current = "";
  const lines = reading.text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!.trim();
    const heading = /^\[([^\]]+)\]/.exec(line);
    if (heading) current = heading[1]!.trim();
    if (current === section && line.startsWith(key) && /^[\s=]/.test(line.slice(key.length))) return index + 1;
  }
  return undefined;
}

const wanted: Readonly<Record<Shape, string>> = {
  text: "a string", texts: "a list of strings", whole: "a whole number", toggle: "true or false",
  size: "a number of bytes", table: "a table", any: "a value",
};

function wrong(reading: Reading, section: string, key: string): Fault {
  const shape = (shapes as Record<string, Record<string, Shape>>)[section]![key]!;
  const line = lineOf(reading, section, key);
  const place = `"${reading.file}"${line ? ` at line ${line}` : ""}`;
  return new Fault("config.invalid", `cannot read ${place}: ${section}.${key} is not ${wanted[shape]}`, {
    hint: `give ${key} ${wanted[shape]}`,
  });
}

/** A list, where `{append = true}` among the entries adds to what earlier files said. */
function texts(value: unknown, before: Appended | undefined): Appended | undefined {
  if (!Array.isArray(value)) return undefined;
  const entries = value.filter(entry => typeof entry === "string") as string[];
  const attributes = value.filter(entry => typeof entry === "object" && entry !== null) as { append?: unknown }[];
  if (entries.length + attributes.length !== value.length) return undefined;
  const append = attributes.map(attribute => attribute.append).findLast(one => typeof one === "boolean") ?? before?.appends ?? false;
  const found: Appended = append ? [...(before ?? []), ...entries] : entries;
  // Told of once, it holds for later files too; not listed among the entries.
  Object.defineProperty(found, "appends", { value: append, enumerable: false });
  return found;
}

type Appended = string[] & { readonly appends?: boolean };

function sizeOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  const match = typeof value === "string" ? /^(\d{1,15})\s*([kmg]?)b?$/i.exec(value.trim()) : null;
  if (!match) return undefined;
  return Number(match[1]) * ({ "": 1, k: 1e3, m: 1e6, g: 1e9 })[match[2]!.toLowerCase() as "" | "k" | "m" | "g"];
}

function valueOf(shape: Shape, value: unknown, before: unknown): unknown {
  switch (shape) {
    case "text": return typeof value === "string" ? value : undefined;
    case "texts": return texts(value, before as Appended | undefined);
    case "whole": return Number.isSafeInteger(value) ? value : undefined;
    case "toggle": return typeof value === "boolean" ? value : undefined;
    case "size": return sizeOf(value);
    case "table":
      return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...(before as object), ...value } : undefined;
    case "any": return value;
  }
}

type Merged = Record<string, Record<string, unknown>>;

function mergeSection(merged: Merged, section: string, table: TomlTable, reading: Reading): string[] {
  const known = (shapes as Record<string, Record<string, Shape>>)[section]!;
  const target = merged[section]!;
  const unknown: string[] = [];
  for (const [key, raw] of Object.entries(table)) {
    const shape = Object.hasOwn(known, key) ? known[key] : undefined;
    if (!shape) {
      unknown.push(`${section}.${key}`);
      continue;
    }
    const value = valueOf(shape, raw, target[key]);
    if (value === undefined) throw wrong(reading, section, key);
    target[key] = value;
  }
  return unknown;
}

function mergeFile(merged: Merged, file: string): { found: boolean; unknown: string[] } {
  const read = readToml(file);
  if (!read) return { found: false, unknown: [] };
  const unknown: string[] = [];
  for (const [section, table] of Object.entries(read.table)) {
    if (otherSections.includes(section)) continue;
    if (!Object.hasOwn(shapes, section)) unknown.push(section);
    else if (typeof table !== "object" || table === null) throw new Fault("config.invalid", `cannot read "${file}": ${section} is not a table`);
    else unknown.push(...mergeSection(merged, section, table as TomlTable, { file, text: read.text }));
  }
  return { found: true, unknown };
}

/** The table of a file, or undefined when there is none. */
function readToml(file: string): { table: TomlTable; text: string } | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return { table: parseToml(text, file), text };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw new Fault("config.invalid", `cannot read "${file}": ${reasonOf(cause)}`, { cause });
  }
}

function dropIns(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => name.endsWith(".conf")).sort().map(name => `${directory}/${name}`);
  } catch {
    return [];
  }
}

function candidates(places: ContainersConfPlaces): { required: boolean; file: string }[] {
  const env = places.env ?? {};
  const optional = (file: string) => ({ required: false, file });
  const files: { required: boolean; file: string }[] = [];
  if (env.CONTAINERS_CONF) files.push({ required: env.CONTAINERS_CONF !== "/dev/null", file: env.CONTAINERS_CONF });
  else {
    files.push(optional("/usr/share/containers/containers.conf"), optional("/etc/containers/containers.conf"));
    files.push(...dropIns("/etc/containers/containers.conf.d").map(optional));
    const home = places.rootless ? configHome(env) : undefined;
    if (home) files.push(optional(`${home}/containers.conf`), ...dropIns(`${home}/containers.conf.d`).map(optional));
  }
  for (const module of places.modules ?? []) files.push({ required: true, file: findModule(module, places) ?? module });
  if (env.CONTAINERS_CONF_OVERRIDE) files.push({ required: true, file: env.CONTAINERS_CONF_OVERRIDE });
  return files;
}

/**
 * Reads and merges all files that apply, later ones over earlier ones.
 *
 * @throws Fault "config.invalid" for a wrong value (names file and line) or a named file that is missing
 */
export function readContainersConf(places: ContainersConfPlaces): ContainersConf {
  const merged: Merged = { containers: {}, engine: {}, network: {}, secrets: {} };
  const warnings: string[] = [];
  const files: string[] = [];
  for (const { required, file } of candidates(places)) {
    if (file === "/dev/null") continue;
    const { found, unknown } = mergeFile(merged, file);
    if (!found && required) throw new Fault("config.invalid", `finding config on system: stat ${file}: no such file or directory`);
    if (found) files.push(file);
    if (unknown.length > 0) warnings.push(`Failed to decode the keys [${unknown.map(key => JSON.stringify(key)).join(" ")}] from "${file}"`);
  }
  for (const [key, instead] of Object.entries(withoutEffect)) {
    const [section, name] = key.split(".") as [string, string];
    if (merged[section]![name] !== undefined) warnings.push(`${key} of containers.conf has no effect here: ${instead}`);
  }
  return { ...(merged as unknown as Omit<ContainersConf, "warnings" | "files">), warnings, files };
}
