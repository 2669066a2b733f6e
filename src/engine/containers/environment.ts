// What a container's process starts with: its environment and its words, from defaults, image and person.
// Source: podman-run(1), "--env" and its neighbours, "--entrypoint".

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { ImageDefaults } from "../../base/oci-image.ts";
import type { Host } from "../host.ts";

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function variables(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map(line => {
    const equals = line.indexOf("=");
    return equals < 0 ? [line, process.env[line] ?? ""] : [line.slice(0, equals), line.slice(equals + 1)];
  }));
}

const proxyNames = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"];

/** Later ones win: defaults, image, proxies, host, the person's own. */
export function environment(host: Host, spec: ContainerSpec, image: ImageDefaults | undefined, hostname: string | undefined): Record<string, string> {
  const conf = host.conf.containers;
  const defaults = { ...variables(conf.env ?? [defaultPath]), ...(conf.env?.some(line => line.startsWith("PATH=")) ?? true ? {} : variables([defaultPath])) };
  const wholeHost = spec.envHost ?? conf.env_host ?? false;
  const hosts = wholeHost ? Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)) : {};
  const proxies = spec.httpProxy ?? conf.http_proxy ?? true
    ? Object.fromEntries(proxyNames.flatMap(name => process.env[name] === undefined ? [] : [[name, process.env[name]!]]))
    : {};
  const base: Record<string, string> = {
    ...defaults, container: "podman", ...(spec.terminal ? { TERM: "xterm" } : {}), ...variables(image?.Env ?? []), ...proxies, ...hosts,
  };
  for (const name of spec.unsetEnv ?? []) delete base[name];
  const merged = Object.fromEntries((spec.envMerge ?? []).map(line => {
    const [name, value = ""] = splitOnce(line, "=");
    return [name, value.replace(/\$\{(\w+)\}|\$(\w+)/g, (_, braced: string, bare: string) => base[braced ?? bare] ?? "")];
  }));
  const own = { ...merged, ...spec.env };
  if (spec.unsetEnvAll) return own;
  return { ...base, ...(hostname && !spec.unsetEnv?.includes("HOSTNAME") ? { HOSTNAME: hostname } : {}), ...own };
}

export function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

interface Argv {
  readonly entrypoint: string[];
  readonly command: string[];
}

/** A person's entrypoint also drops the image's command. */
export function argvOf(spec: ContainerSpec, image: ImageDefaults | undefined): Argv {
  const given = spec.entrypoint?.filter((word, index) => index > 0 || word !== "");
  const command = spec.command?.length ? spec.command : given ? [] : image?.Cmd ?? [];
  return { entrypoint: given ?? image?.Entrypoint ?? [], command: [...command] };
}
