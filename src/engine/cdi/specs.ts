// The files in which vendors describe devices (Container Device Interface): read, checked, found by a device's whole name.
// Source: the CDI specification, SPEC.md of cncf-tags/container-device-interface.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";

export interface DeviceNode {
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Edits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly DeviceNode[];
  readonly mounts?: readonly { readonly hostPath: string; readonly containerPath: string; readonly type?: string; readonly options?: readonly string[] }[];
  readonly hooks?: readonly { readonly hookName: string; readonly path: string; readonly args?: readonly string[]; readonly env?: readonly string[]; readonly timeout?: number }[];
  readonly additionalGids?: readonly number[];
  readonly intelRdt?: unknown;
  readonly netDevices?: unknown;
}

interface SpecFile {
  readonly kind: string;
  readonly devices: readonly { readonly name: string; readonly containerEdits: Edits }[];
  readonly containerEdits?: Edits;
}

const filesMax = 1000;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
const isNumber = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const texts = (value: unknown): boolean => Array.isArray(value) && value.every(one => typeof one === "string");
const absent = (value: unknown): boolean => value === undefined || value === null;
const orAbsent = (is: (value: unknown) => boolean) => (value: unknown): boolean => absent(value) || is(value);
const listOf = (fields: Readonly<Record<string, (value: unknown) => boolean>>) => (value: unknown): boolean =>
  Array.isArray(value) && value.every(one => isObject(one) && Object.entries(fields).every(([name, is]) => is(one[name])));

const editFields: Readonly<Record<keyof Edits, (value: unknown) => boolean>> = {
  env: value => texts(value) && (value as string[]).every(line => line.indexOf("=") > 0),
  deviceNodes: listOf({
    path: isText, hostPath: orAbsent(isText), type: orAbsent(isText), major: orAbsent(isNumber), minor: orAbsent(isNumber), fileMode: orAbsent(isNumber),
    permissions: orAbsent(value => typeof value === "string" && /^[rwm]*$/.test(value)), uid: orAbsent(isNumber), gid: orAbsent(isNumber),
  }),
  mounts: listOf({ hostPath: isText, containerPath: isText, type: orAbsent(isText), options: orAbsent(texts) }),
  hooks: listOf({ hookName: isText, path: isText, args: orAbsent(texts), env: orAbsent(texts), timeout: orAbsent(isNumber) }),
  additionalGids: value => Array.isArray(value) && value.every(isNumber),
  intelRdt: isObject,
  netDevices: Array.isArray,
};

function checkEdits(value: unknown, what: string): void {
  if (absent(value)) return;
  if (!isObject(value)) throw new Error(`${what} is no table`);
  const wrong = Object.entries(editFields).find(([name, is]) => !absent(value[name]) && !is(value[name]));
  if (wrong) throw new Error(`${wrong[0]} of ${what} is not as it should be`);
}

function read(file: string): SpecFile {
  if (statSync(file).size > limits.configFileBytesMax) throw new Error("it is too long");
  const text = readFileSync(file, "utf8");
  // Numbers with a leading zero are octal to those who write these files.
  const value: unknown = file.endsWith(".json") ? JSON.parse(text) : Bun.YAML.parse(text.replace(/(\bfileMode:\s*)0(?=[0-7]+\s*$)/gm, "$10o"));
  if (!isObject(value) || typeof value["kind"] !== "string" || !Array.isArray(value["devices"])) throw new Error("it has no kind or no devices");
  checkEdits(value["containerEdits"], "containerEdits");
  for (const device of value["devices"]) {
    if (!isObject(device) || !isText(device["name"])) throw new Error("a device has no name");
    checkEdits(device["containerEdits"], `device ${JSON.stringify(device["name"])}`);
  }
  return value as unknown as SpecFile;
}

interface Found {
  readonly priority: number;
  readonly spec: SpecFile;
  readonly edits: Edits;
  /** Another file of the same directory describes it too. */
  isDoubled: boolean;
}

function specNames(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => /\.(json|yaml|yml)$/.test(name)).sort().slice(0, filesMax);
  } catch {
    return [];
  }
}

/**
 * What the devices add, in order; the edits that a file has for all its devices come before the first of them. Later directories win.
 *
 * @throws Fault "runtime.failed" naming those that no file describes, or two of one directory do
 */
export function findEdits(directories: readonly string[], names: readonly string[]): Edits[] {
  const known = new Map<string, Found>();
  const broken: string[] = [];
  for (const [priority, directory] of directories.entries()) {
    for (const name of specNames(directory)) {
      try {
        const spec = read(`${directory}/${name}`);
        for (const device of spec.devices) note(known, `${spec.kind}=${device.name}`, { priority, spec, edits: device.containerEdits ?? {}, isDoubled: false });
      } catch (thrown) {
        broken.push(`${directory}/${name}: ${(thrown as Error).message}`);
      }
    }
  }
  const lost = names.filter(name => known.get(name)?.isDoubled ?? true);
  if (lost.length > 0) throw unresolvable(lost, { known, broken, directories });
  const begun = new Set<SpecFile>();
  return names.flatMap(name => {
    const { spec, edits } = known.get(name)!;
    const first = begun.has(spec) || !spec.containerEdits ? [] : [spec.containerEdits];
    begun.add(spec);
    return [...first, edits];
  });
}

function note(known: Map<string, Found>, name: string, found: Found): void {
  const before = known.get(name);
  if (before && before.priority === found.priority) before.isDoubled = true;
  else known.set(name, found);
}

interface Looked {
  readonly known: ReadonlyMap<string, Found>;
  readonly broken: readonly string[];
  readonly directories: readonly string[];
}

function unresolvable(lost: readonly string[], { known, broken, directories }: Looked): Fault {
  const doubled = lost.filter(name => known.get(name)?.isDoubled);
  const why = doubled.length > 0 ? `: two files of one directory describe ${doubled.join(", ")}` : broken.length > 0 ? `: cannot read ${broken[0]}` : "";
  return new Fault("runtime.failed", `setting up CDI devices: unresolvable CDI devices ${lost.join(", ")}${why}`, {
    hint: `look whether the vendor's program has written a description into ${directories.join(" or ")}`,
  });
}
