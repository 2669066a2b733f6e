// Mounts of type "glob": one bind for each path of the host that the pattern matches.
// Source: podman-run(1), --mount type=glob.

import { existsSync, lstatSync, readdirSync } from "node:fs";
import type { MountSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";

function listQuietly(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Shell patterns in the last parts of a path: * and ?, no hidden files. */
function expandGlob(pattern: string): string[] {
  const toRegex = (part: string) => new RegExp(`^${part.replace(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", "[^/]*").replaceAll("?", "[^/]")}$`);
  let found = ["/"];
  for (const part of pattern.split("/").filter(text => text !== "")) {
    const isPattern = /[*?[]/.test(part);
    found = found.flatMap(directory => {
      const prefix = directory === "/" ? "" : directory;
      if (!isPattern) return existsSync(`${prefix}/${part}`) || isLink(`${prefix}/${part}`) ? [`${prefix}/${part}`] : [];
      const regex = toRegex(part);
      return listQuietly(directory).filter(name => regex.test(name) && (part.startsWith(".") || !name.startsWith("."))).sort().map(name => `${prefix}/${name}`);
    });
  }
  return found;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

export function globMounts(mount: MountSpec): MountSpec[] {
  const paths = expandGlob(mount.source);
  if (paths.length === 0) throw new Fault("system.not-found", `no file paths matching glob "${mount.source}"`);
  const into = mount.target.replace(/\/+$/, "");
  return paths.map(source => ({
    ...mount, kind: "bind", source, target: into === "" ? source : `${into}/${source.slice(source.lastIndexOf("/") + 1)}`,
  }));
}
