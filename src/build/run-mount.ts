// RUN --mount as written: its type and fields, read strictly.
// Source: Dockerfile reference, "RUN --mount"; buildah-run(1), "--mount".

import { Fault } from "../base/fault.ts";

export interface RunMount {
  readonly type: "bind" | "cache" | "tmpfs" | "secret" | "ssh";
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  readonly id?: string;
  readonly readOnly?: boolean;
  readonly required?: boolean;
  readonly sharing?: "shared" | "private" | "locked";
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: string;
  /** Of a secret: a variable instead of a file. */
  readonly env?: string;
  readonly relabel?: "shared" | "private";
  /** Mount options as the runtime takes them. */
  readonly options: readonly string[];
}

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const plainOptions = new Set([
  "nosuid", "suid", "nodev", "dev", "noexec", "exec", "shared", "rshared", "private", "rprivate", "slave", "rslave", "bind", "rbind", "bind-nonrecursive",
  "tmpcopyup", "notmpcopyup", "remount", "Z", "z", "U",
]);

const invalid = (message: string): Fault => new Fault("usage.invalid", message, { hint: "write it as --mount=type=TYPE,target=PATH[,…]" });

type Reading = { -readonly [K in keyof RunMount]?: RunMount[K] } & { options: string[] };

/** @throws Fault "usage.invalid" */
export function readRunMount(written: string): RunMount {
  const mount: Reading = { options: [] };
  for (const field of fieldsOf(written)) {
    const equals = field.indexOf("=");
    const key = equals < 0 ? field : field.slice(0, equals);
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    const read = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (read !== undefined) read(mount, value, key);
    else if (plainOptions.has(key) && value === undefined) mount.options.push(key);
    else throw invalid(`${key}: invalid mount option`);
  }
  return { type: "bind", ...mount };
}

/** CSV, quotes around whole fields. */
function fieldsOf(written: string): string[] {
  return [...written.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? "").filter(field => field !== "");
}

type Read = (mount: Reading, value: string | undefined, key: string) => void;

function need(value: string | undefined, key: string): string {
  if (value === undefined || value === "") throw invalid(`${key}: must have an argument`);
  return value;
}

function flag(value: string | undefined, key: string): boolean {
  if (value === undefined || /^(true|1|t)$/i.test(value)) return true;
  if (/^(false|0|f)$/i.test(value)) return false;
  throw invalid(`${key}: ${JSON.stringify(value)} is neither true nor false`);
}

function number(value: string | undefined, key: string, base = 10): number {
  const text = need(value, key);
  if (!(base === 8 ? /^[0-7]{1,6}$/ : /^\d{1,10}$/).test(text)) throw invalid(`${key}: ${JSON.stringify(text)} is no number`);
  return Number.parseInt(text, base);
}

const source: Read = (mount, value, key) => void (mount.source = need(value, key));
const target: Read = (mount, value, key) => void (mount.target = need(value, key));
const readOnly = (yes: boolean): Read => (mount, value, key) => void (mount.readOnly = flag(value, key) === yes);

const fields: Readonly<Record<string, Read>> = {
  type(mount, value) {
    const type = types.find(one => one === value);
    if (type === undefined) throw invalid(`invalid filesystem type ${JSON.stringify(value ?? "")}`);
    mount.type = type;
  },
  from(mount, value) {
    if (value === undefined) throw invalid("unable to resolve argument for `from=`: bad argument");
    if (value === "") throw invalid("unable to resolve argument for `from=`: from points to an empty value");
    mount.from = value;
  },
  source, src: source,
  target, dst: target, destination: target,
  id: (mount, value, key) => void (mount.id = need(value, key)),
  ro: readOnly(true), readonly: readOnly(true), rw: readOnly(false), readwrite: readOnly(false),
  required: (mount, value, key) => void (mount.required = flag(value, key)),
  sharing(mount, value, key) {
    const sharing = (["shared", "private", "locked"] as const).find(one => one === value);
    if (sharing === undefined) throw invalid(`unrecognized ${key} mode ${JSON.stringify(value ?? "")}`);
    mount.sharing = sharing;
  },
  mode: (mount, value, key) => void (mount.mode = number(value, key, 8)),
  uid: (mount, value, key) => void (mount.uid = number(value, key)),
  gid: (mount, value, key) => void (mount.gid = number(value, key)),
  size: (mount, value, key) => void (mount.size = need(value, key)),
  "tmpfs-size": (mount, value, key) => void (mount.size = need(value, key)),
  "tmpfs-mode": (mount, value, key) => void (mount.mode = number(value, key, 8)),
  env: (mount, value, key) => void (mount.env = need(value, key)),
  "bind-propagation"(mount, value, key) {
    const option = need(value, key);
    if (!/^(r?shared|r?private|r?slave|r?unbindable)$/.test(option)) throw invalid(`${key}: invalid mount option ${JSON.stringify(option)}`);
    mount.options.push(option);
  },
  relabel(mount, value) {
    if (value !== "shared" && value !== "private") throw invalid("relabel: must be shared or private");
    mount.relabel = value;
  },
  consistency: () => {},
};
