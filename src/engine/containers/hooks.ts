// OCI hooks: programs that the runtime starts at stages of a container's life, chosen by JSON files in directories.
// Source: oci-hooks(5) of containers/common, version 1.0.0.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

const stages = ["createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"] as const;
type Stage = (typeof stages)[number];

interface Hook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number;
}

interface HookFile {
  readonly hook: Hook;
  readonly when: { readonly always?: boolean; readonly annotations?: Readonly<Record<string, string>>; readonly commands?: readonly string[]; readonly hasBindMounts?: boolean };
  readonly stages: readonly Stage[];
}

const placesDefault: readonly string[] = ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"];

function readHook(file: string): HookFile {
  const fail = (why: string): Fault => new Fault("config.invalid", `parsing hook ${JSON.stringify(file)}: ${why}`);
  const text = readFileSync(file, "utf8");
  if (text.length > limits.configFileBytesMax) throw fail("it is too long");
  let found: Partial<HookFile> & { version?: unknown };
  try {
    found = JSON.parse(text) as Partial<HookFile>;
  } catch (cause) {
    throw fail((cause as Error).message);
  }
  if (found.version !== "1.0.0") throw fail(`unrecognized hook version: ${JSON.stringify(found.version)}`);
  if (typeof found.hook?.path !== "string" || !found.hook.path.startsWith("/")) throw fail("hook.path is not an absolute path");
  if (!existsSync(found.hook.path)) throw fail(`stat ${found.hook.path}: no such file or directory`);
  if (!Array.isArray(found.stages) || found.stages.length === 0 || typeof found.when !== "object") throw fail("it has no stages, or does not say when");
  const wrong = found.stages.find(stage => !stages.includes(stage));
  if (wrong !== undefined) throw fail(`unknown stage ${JSON.stringify(wrong)}`);
  return found as HookFile;
}

/** Files of the same name in a later directory take the place of those before. */
function hookFiles(host: Host): HookFile[] {
  const places = host.options.hooksDirs ?? host.conf.engine.hooks_dir ?? placesDefault;
  const byName = new Map<string, string>();
  for (const place of places) {
    if (!existsSync(place)) continue;
    for (const name of readdirSync(place)) if (name.endsWith(".json")) byName.set(name, `${place}/${name}`);
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => readHook(file));
}

/** Reads all that a container could get. @throws Fault "config.invalid" */
export const checkHooks = (host: Host): void => void hookFiles(host);

const matchesAny = (patterns: readonly string[], text: string): boolean => patterns.some(pattern => new RegExp(pattern).test(text));

/** Every condition that is named has to hold. */
function applies({ when }: HookFile, { spec }: ContainerRecord): boolean {
  const { always, annotations, commands, hasBindMounts } = when;
  const conditions = [
    ...(always === undefined ? [] : [always]),
    ...(hasBindMounts === undefined ? [] : [hasBindMounts === (spec.mounts ?? []).some(({ kind }) => kind === "bind")]),
    ...(commands ? [matchesAny(commands, spec.argv?.[0] ?? "")] : []),
    ...Object.entries(annotations ?? {}).map(([key, value]) =>
      Object.entries(spec.annotations ?? {}).some(([name, text]) => matchesAny([key], name) && matchesAny([value], text))),
  ];
  return conditions.length > 0 && conditions.every(Boolean);
}

/** Takes the state in whole before the hook begins, leaves no variable of its own. */
const reader = 'state=$(cat); unset PWD OLDPWD; exec "$0" "$@" <<END\n$state\nEND';

const baseOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/**
 * The hook behind a shell that reads the state first: crun is killed by SIGPIPE where a hook ends before crun has written the state to it.
 * Not where the hook wants a name the shell cannot give it, nor in the container's own root, which may have no shell.
 */
function readsFirst(hook: Hook, stage: Stage): Hook {
  const [name = hook.path, ...args] = hook.args ?? [];
  if (stage === "startContainer" || baseOf(name) !== baseOf(hook.path)) return hook;
  return { ...hook, path: "/bin/sh", args: ["sh", "-c", reader, hook.path, ...args] };
}

/** "hooks" of config.json; undefined without any. @throws Fault "config.invalid" */
export function hooksOf(host: Host, record: ContainerRecord): Partial<Record<Stage, Hook[]>> | undefined {
  const found: Partial<Record<Stage, Hook[]>> = {};
  for (const file of hookFiles(host)) {
    if (applies(file, record)) for (const stage of file.stages) (found[stage] ??= []).push(readsFirst(file.hook, stage));
  }
  for (const { stage: named, ...hook } of record.spec.injectedHooks ?? []) {
    const stage = stages.find(one => one === named);
    if (!stage) throw new Fault("config.invalid", `setting up CDI devices: unknown stage ${JSON.stringify(named)} of a hook`);
    (found[stage] ??= []).push(readsFirst(hook, stage));
  }
  return Object.keys(found).length > 0 ? found : undefined;
}
