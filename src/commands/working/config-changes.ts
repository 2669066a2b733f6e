// What each option of `buildah config` does to a working container's record.
// Source: buildah-config(1).

import { Fault } from "../../base/fault.ts";
import { parseGoDuration } from "../../base/duration.ts";
import { log } from "../../base/log.ts";
import type { Healthcheck, History, ImageConfig, ImageDefaults } from "../../base/oci-image.ts";
import { nowNs, rfc3339Nano } from "../../base/time.ts";
import type { Values } from "../../cli/flag.ts";
import type { WorkingContainer } from "../../engine/working/records.ts";
import { cut, refuse } from "../container/written/refuse.ts";
import type { configFlags } from "./config.ts";
import { shellWords } from "./shell-words.ts";

type Flags = Values<typeof configFlags>;

/** The record while it changes; `done` holds what history may be told. */
interface Draft {
  config: ImageConfig;
  inner: ImageDefaults;
  annotations: Record<string, string>;
  readonly format: "oci" | "docker";
  readonly done: string[];
}

export function wantsHistory(flags: { readonly addHistory: boolean }, given: ReadonlySet<string>): boolean {
  if (given.has("addHistory")) return flags.addHistory;
  const word = process.env["BUILDAH_HISTORY"] ?? "";
  return word.toLowerCase() === "true" || word === "1";
}

export const emptyEntry = (createdBy: string): History => ({ created: rfc3339Nano(nowNs(), "utc"), created_by: createdBy, empty_layer: true });

/** @throws Fault in buildah's words; the record is as it was then */
export function changeConfig(before: WorkingContainer, flags: Flags, given: ReadonlySet<string>): WorkingContainer {
  const draft: Draft = { config: { ...before.config }, inner: { ...before.config.config }, annotations: { ...before.annotations }, format: before.format, done: [] };
  for (const [key, change] of changes) if (given.has(key) || (key === "env" && wantsHistory(flags, given))) change(draft, flags);
  changeHealthcheck(draft, flags, given);
  const note = (key: "createdBy" | "historyComment") => (given.has(key) ? { [key]: flags[key] ?? "" } : {});
  const entries = wantsHistory(flags, given) ? draft.done.map(text => emptyEntry(`/bin/sh -c #(nop) ${text}`)) : [];
  return {
    ...before,
    config: { ...draft.config, config: draft.inner },
    annotations: draft.annotations,
    ...note("createdBy"),
    ...note("historyComment"),
    ...(entries.length > 0 ? { prepended: [...(before.prepended ?? []), ...entries] } : {}),
  };
}

/** "-" clears, "X-" takes X away, anything else is put in. */
function eachMark(written: readonly string[], act: { clear(): void; unset(name: string): void; set(text: string): void }): void {
  for (const text of written) {
    if (text === "-") act.clear();
    else if (text.endsWith("-") && !text.includes("=")) act.unset(text.slice(0, -1));
    else act.set(text);
  }
}

const without = <T>(map: Readonly<Record<string, T>> | undefined, name: string): Record<string, T> =>
  Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => key !== name));

type Change = (draft: Draft, flags: Flags) => void;

const changes: readonly (readonly [keyof Flags, Change])[] = [
  ["author", ({ config }, { author }) => void (config.author = author ?? "")],
  ["arch", ({ config }, { arch }) => void (config.architecture = arch ?? "")],
  ["variant", ({ config }, { variant }) => void (config.variant = variant ?? "")],
  ["os", ({ config }, { os }) => void (config.os = os ?? "")],
  ["osFeature", ({ config }, { osFeature }) => eachMark(osFeature, {
    clear: () => void (config["os.features"] = []),
    unset: name => void (config["os.features"] = (config["os.features"] ?? []).filter(one => one !== name)),
    set: name => void (config["os.features"] = [...(config["os.features"] ?? []).filter(one => one !== name), name]),
  })],
  ["osVersion", ({ config }, { osVersion }) => void (config["os.version"] = osVersion ?? "")],
  ["user", (draft, { user = "" }) => { draft.inner.User = user; draft.done.push(`USER ${user}`); }],
  ["shell", (draft, { shell = "" }) => {
    const words = shellWords(shell, "--shell");
    warnDocker(draft, `SHELL is not supported for OCI image format, [${words.join(" ")}] will be ignored. Must use \`docker\` format`, words.length > 0);
    draft.inner.Shell = words;
    draft.done.push(`SHELL ${shell}`);
  }],
  ["stopSignal", (draft, { stopSignal = "" }) => { draft.inner.StopSignal = stopSignal; draft.done.push(`STOPSIGNAL ${stopSignal}`); }],
  ["port", (draft, { port }) => {
    eachMark(port.map(text => (text.startsWith("-") ? "-" : text)), {
      clear: () => void (draft.inner.ExposedPorts = {}),
      unset: name => void (draft.inner.ExposedPorts = without(draft.inner.ExposedPorts, name)),
      set: name => void (draft.inner.ExposedPorts = { ...draft.inner.ExposedPorts, [name]: {} }),
    });
    draft.done.push(`EXPOSE ${port.join(" ")}`);
  }],
  ["env", (draft, { env }) => {
    for (const text of env) changeEnv(draft, text);
    draft.done.push(`ENV ${env.join(" ")}`);
  }],
  ["entrypoint", (draft, { entrypoint = "" }) => { changeEntrypoint(draft, entrypoint); draft.done.push(`ENTRYPOINT ${entrypoint}`); }],
  ["cmd", (draft, { cmd = "" }) => { draft.inner.Cmd = jsonWords(cmd) ?? shellWords(cmd, "--cmd"); draft.done.push(`CMD ${cmd}`); }],
  ["volume", (draft, { volume }) => eachMark(volume, {
    clear: () => void (draft.inner.Volumes = {}),
    unset: name => void (draft.inner.Volumes = without(draft.inner.Volumes, name)),
    set: name => { draft.inner.Volumes = { ...draft.inner.Volumes, [name]: {} }; draft.done.push(`VOLUME ${name}`); },
  })],
  ["label", (draft, { label }) => {
    eachMark(label, {
      clear: () => void (draft.inner.Labels = {}),
      unset: name => void (draft.inner.Labels = without(draft.inner.Labels, name)),
      set: text => { const [name, value = ""] = cut(text); draft.inner.Labels = { ...draft.inner.Labels, [name]: value }; },
    });
    draft.done.push(`LABEL ${label.join(" ")}`);
  }],
  ["unsetlabel", (draft, { unsetlabel }) => { for (const name of unsetlabel) draft.inner.Labels = without(draft.inner.Labels, name); }],
  ["unsetannotation", (draft, { unsetannotation }) => { for (const name of unsetannotation) draft.annotations = without(draft.annotations, name); }],
  ["workingdir", (draft, { workingdir = "" }) => { draft.inner.WorkingDir = workingdir; draft.done.push(`WORKDIR ${workingdir}`); }],
  ["comment", (draft, { comment = "" }) => {
    warnDocker(draft, `COMMENT is not supported for OCI image format, comment ${comment} will be ignored. Must use \`docker\` format`, comment !== "");
    draft.config.comment = comment;
  }],
  ["domainname", ({ inner }, { domainname = "" }) => void (inner.Domainname = domainname)],
  ["hostname", (draft, { hostname = "" }) => {
    warnDocker(draft, `HOSTNAME is not supported for OCI V1 image format, hostname ${hostname} will be ignored. Must use \`docker\` format`, hostname !== "");
    draft.inner.Hostname = hostname;
  }],
  ["onbuild", (draft, { onbuild }) => {
    for (const line of onbuild) {
      warnDocker(draft, `ONBUILD is not supported for OCI image format, ${line} will be ignored. Must use \`docker\` format`, line !== "");
      draft.inner.OnBuild = [...(draft.inner.OnBuild ?? []), line];
      draft.done.push(`ONBUILD ${line}`);
    }
  }],
  ["annotation", (draft, { annotation }) => eachMark(annotation, {
    clear: () => void (draft.annotations = {}),
    unset: name => void (draft.annotations = without(draft.annotations, name)),
    set: text => { const [name, value = ""] = cut(text); draft.annotations = { ...draft.annotations, [name]: value }; },
  })],
];

function warnDocker({ format }: Draft, warning: string, isGiven: boolean): void {
  if (isGiven && format === "oci") log.warn(warning);
}

function changeEnv(draft: Draft, written: string): void {
  const env = draft.inner.Env ?? [];
  const [name, value] = cut(written);
  const others = (key: string): string[] => env.filter(variable => !variable.startsWith(`${key}=`));
  if (value !== undefined) draft.inner.Env = [...others(name), `${name}=${expand(value, env)}`];
  else if (name === "-") draft.inner.Env = [];
  else if (name.endsWith("-")) draft.inner.Env = others(name.slice(0, -1));
  else {
    const own = process.env[name];
    if (!own) throw refuse(`setting env ${JSON.stringify(name)}: no value given`);
    draft.inner.Env = [...others(name), `${name}=${own}`];
  }
}

/** $NAME and ${NAME} by what is set already. */
function expand(value: string, env: readonly string[]): string {
  return value.replace(/\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g, (_, braced: string | undefined, bare: string | undefined) => {
    const name = braced ?? bare ?? "";
    const found = env.find(variable => variable.startsWith(`${name}=`));
    if (found !== undefined) return found.slice(name.length + 1);
    log.error(`error expanding variable ${JSON.stringify(name)}: no value set in configuration`);
    return name;
  });
}

function changeEntrypoint(draft: Draft, written: string): void {
  const cmd = draft.inner.Cmd ?? [];
  if (written.trim() === "") {
    draft.inner.Entrypoint = [];
    return;
  }
  const words = jsonWords(written);
  draft.inner.Entrypoint = words ?? ["/bin/sh", "-c", written];
  if (cmd.length === 0) return;
  log.warn(words ? `cmd ${JSON.stringify(cmd.join(" "))} exists and will be passed to entrypoint as a parameter` : `cmd ${JSON.stringify(cmd.join(" "))} exists but will be ignored because of entrypoint settings`);
}

/** A JSON list of texts; undefined where it is none, and [] for nothing at all. */
function jsonWords(written: string): string[] | undefined {
  if (written.trim() === "") return [];
  try {
    const parsed: unknown = JSON.parse(written);
    return Array.isArray(parsed) && parsed.every(word => typeof word === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const healthKeys = ["healthcheck", "healthcheckInterval", "healthcheckRetries", "healthcheckStartPeriod", "healthcheckTimeout"] as const;

function changeHealthcheck(draft: Draft, flags: Flags, given: ReadonlySet<string>): void {
  if (!healthKeys.some(key => given.has(key))) return;
  const check: Healthcheck = { ...(draft.inner.Healthcheck ?? { Test: ["NONE"], Interval: 30e9, StartPeriod: 0, Timeout: 30e9, Retries: 3 }) };
  const words: string[] = [];
  if (given.has("healthcheck")) check.Test = shellWords(flags.healthcheck ?? "", "--healthcheck");
  const spans = [
    ["healthcheckInterval", "Interval", "interval"], ["healthcheckStartPeriod", "StartPeriod", "start-period"],
    ["healthcheckStartInterval", "StartInterval", "start-interval"], ["healthcheckTimeout", "Timeout", "timeout"],
  ] as const;
  for (const [key, field, option] of spans) {
    if (key === "healthcheckStartPeriod" && given.has("healthcheckRetries")) {
      check.Retries = flags.healthcheckRetries ?? 0;
      words.push(`--retries=${check.Retries} `);
    }
    if (!given.has(key)) continue;
    check[field] = readSpan(flags[key] ?? "", `--healthcheck-${option}`);
    words.push(`--${option}=${flags[key]} `);
  }
  if ((check.Test ?? []).length === 0) {
    delete draft.inner.Healthcheck;
    draft.done.push("HEALTHCHECK NONE");
    return;
  }
  warnDocker(draft, "HEALTHCHECK is not supported for OCI image format and will be ignored. Must use `docker` format", true);
  draft.inner.Healthcheck = check;
  draft.done.push(`HEALTHCHECK ${words.join("")}${flags.healthcheck ?? ""}`);
}

function readSpan(written: string, option: string): number {
  try {
    return parseGoDuration(written);
  } catch (cause) {
    throw new Fault("usage.invalid", `parsing ${option} ${JSON.stringify(written)}: ${(cause as Error).message}`, { cause });
  }
}
