// The image config: what a container of the image starts with, its layers' diff IDs and history, read with bounds.
// Source: OCI image-spec config.md; Docker image-spec v1.2.

import { isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { limits } from "../base/limits.ts";
import type { Healthcheck, History, ImageConfig, ImageDefaults } from "../base/oci-image.ts";
import { asRecord, findList, findRecord, findText, findTextMap, findTexts, malformed, parseJson } from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";

const subject: Subject = { what: "image config", code: "image.malformed" };

/** @throws Fault "image.malformed" */
export function readConfig(bytes: Uint8Array): ImageConfig {
  const fields = asRecord(parseJson(bytes, subject, limits.configBytesMax), subject);
  const rootfs = asRecord(fields["rootfs"], subject, '"rootfs"');
  const history = findList(fields, "history", subject, limits.layersMax * 4).map(readHistory);
  const defaults = findRecord(fields, "config", subject);
  const healthcheck = dockerHealthcheck(fields);
  const osFeatures = findTexts(fields, "os.features", subject, 1024);
  return {
    ...texts(fields, ["created", "author", "variant", "os.version", "comment", "container", "docker_version"]),
    architecture: findText(fields, "architecture", subject) ?? "",
    os: findText(fields, "os", subject) ?? "",
    ...(osFeatures === undefined ? {} : { "os.features": osFeatures }),
    ...(defaults === undefined ? {} : { config: { ...readDefaults(defaults), ...healthcheck } }),
    rootfs: { type: "layers", diff_ids: readDiffIds(rootfs) },
    ...(history.length === 0 ? {} : { history }),
  };
}

function readDiffIds(rootfs: Fields): Digest[] {
  return findList(rootfs, "diff_ids", subject, limits.layersMax).map(id => {
    if (isDigest(id)) return id;
    throw malformed(subject, `diff ID ${JSON.stringify(id)?.slice(0, 160)} is not ALGORITHM:HEX`);
  });
}

function texts<Name extends string>(fields: Fields, names: readonly Name[]): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = findText(fields, name, subject);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function readHistory(value: unknown): History {
  const fields = asRecord(value, subject, "a history entry");
  return {
    ...texts(fields, ["created", "created_by", "author", "comment"]),
    ...(fields["empty_layer"] === true ? { empty_layer: true } : {}),
  };
}

/** What a container starts with, from the "config" object. */
export function readDefaults(fields: Fields): ImageDefaults {
  const found: ImageDefaults = texts(fields, ["Hostname", "Domainname", "User", "WorkingDir", "StopSignal"]);
  for (const name of ["Env", "Entrypoint", "Cmd", "Shell", "OnBuild"] as const) {
    const list = findTexts(fields, name, subject);
    if (list !== undefined) found[name] = list;
  }
  for (const name of ["ExposedPorts", "Volumes"] as const) {
    const map = findRecord(fields, name, subject);
    if (map !== undefined) found[name] = Object.fromEntries(Object.keys(map).map(key => [key, {}]));
  }
  const labels = findTextMap(fields, "Labels", subject);
  if (labels !== undefined) found.Labels = labels;
  if (fields["ArgsEscaped"] === true) found.ArgsEscaped = true;
  return found;
}

/** Docker keeps it in "config", older tools in "container_config" only. */
function dockerHealthcheck(fields: Fields): { Healthcheck?: Healthcheck } {
  for (const place of ["container_config", "config"]) {
    const inner = findRecord(fields, place, subject);
    const check = inner && findRecord(inner, "Healthcheck", subject);
    if (check === undefined) continue;
    const found: Healthcheck = {};
    const test = findTexts(check, "Test", subject, 1024);
    if (test !== undefined) found.Test = test;
    for (const name of ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] as const) {
      const value = check[name];
      if (typeof value === "number" && Number.isFinite(value)) found[name] = value;
    }
    return { Healthcheck: found };
  }
  return {};
}
