// --mount type=…,src=…,target=… as written: CSV of options, each checked against the kind of mount.
// Source: podman-run(1), --mount.

import type { MountSpec } from "../../../base/container-spec.ts";
import { readCsv } from "../../../cli/flag.ts";
import { artifactReference, referenceText } from "../../../image/reference.ts";
import { absolute, checkTarget } from "./volumes.ts";
import { cut, refuse } from "./refuse.ts";

type Draft = { -readonly [K in keyof MountSpec]?: MountSpec[K] } & { options: string[] };
type Setter = (draft: Draft, value: string | undefined, name: string) => void;

const kinds: Readonly<Record<string, MountSpec["kind"]>> = {
  bind: "bind", volume: "volume", tmpfs: "tmpfs", ramfs: "ramfs", image: "image", devpts: "devpts", glob: "glob", artifact: "artifact",
};
const propagations = /^r?(shared|private|slave|unbindable)$/;
const badOption = (name: string): Error => refuse(`${name}: invalid mount option`);
const needsValue = (name: string): Error => refuse(`${name}: must provide an argument for option`);

const needed = (name: string, value: string | undefined): string => {
  if (value === undefined || value === "") throw needsValue(name);
  return value;
};

const readAccess: Setter = (draft, value, name) => {
  if (draft.readOnly !== undefined) {
    throw refuse("cannot pass 'readonly', 'ro', or 'rw' mnt.Options more than once: must provide an argument for option");
  }
  const truth = value === undefined || value.toLowerCase() === "true";
  draft.readOnly = name === "rw" || name === "readwrite" ? !truth : truth;
  draft.options.push(draft.readOnly ? "ro" : "rw");
};

const readRelabel: Setter = (draft, value, name) => {
  if (value !== "shared" && value !== "private") throw refuse(`${name} mount option must be 'private' or 'shared': invalid mount option`);
  draft.relabel = value;
};

const readChown: Setter = (draft, value) => {
  if (value !== undefined && value !== "true" && value !== "false") {
    throw refuse(`'U' or 'chown' must be set to true or false, instead received ${JSON.stringify(value)}: must provide an argument for option`);
  }
  draft.chown = value !== "false";
};

const readSource: Setter = (draft, value, name) => {
  if (draft.kind === "tmpfs") throw refuse(`${JSON.stringify(name)} option not supported for "tmpfs" mount types`);
  if (draft.source !== undefined) throw refuse(`cannot pass ${JSON.stringify(name)} option more than once: must provide an argument for option`);
  if (value === "") throw refuse("host directory cannot be empty: must provide an argument for option");
  draft.source = needed(name, value);
};

const readTarget: Setter = (draft, value, name) => {
  if (draft.target !== undefined) throw refuse(`cannot pass ${JSON.stringify(name)} option more than once: must provide an argument for option`);
  if (value === undefined) throw needsValue(name);
  draft.target = checkTarget(value);
};

const plain: Setter = (draft, value, name) => void draft.options.push(value === undefined ? name : `${name}=${value}`);
const ofTmpfs = (rename: (value: string) => string): Setter => (draft, value, name) => {
  if (draft.kind !== "tmpfs" && draft.kind !== "ramfs") throw refuse(`${JSON.stringify(name)} option not supported for "${draft.kind}" mount types`);
  draft.options.push(rename(needed(name, value)));
};

const readBlob: Setter = (draft, value, name) => {
  draft.blob = { ...draft.blob, [name]: needed(name, value) };
};

/** Artifacts are files and read-only: most options say nothing about them. */
function setterOf(name: string, kind: MountSpec["kind"]): Setter | undefined {
  if (kind === "artifact") {
    if (name === "digest" || name === "title" || name === "name") return readBlob;
    if (!/^(src|source|target|dst|dest|destination)$/.test(name)) return undefined;
  }
  switch (name) {
    case "readonly": case "ro": case "rw": case "readwrite": return readAccess;
    case "relabel": return readRelabel;
    case "U": case "chown": return readChown;
    case "src": case "source": return readSource;
    case "target": case "dst": case "dest": case "destination": return readTarget;
    case "consistency": return () => {};
    case "z": case "Z": return (draft) => void (draft.relabel = name === "z" ? "shared" : "private");
    case "idmap": return (draft, value) => void (draft.idmap = value ?? "");
    case "subpath": case "volume-subpath": return (draft, value) => {
      if (draft.kind !== "volume" && draft.kind !== "image") throw refuse(`cannot set option ${JSON.stringify(name)} on non-volume mounts`);
      draft.subpath = needed(name, value);
    };
    case "tmpfs-size": return ofTmpfs((value) => `size=${value}`);
    case "tmpfs-mode": return ofTmpfs((value) => `mode=${value}`);
    case "bind-nonrecursive": return (draft) => void draft.options.push("bind");
    case "bind-propagation": return (draft, value) => {
      if (!propagations.test(needed(name, value))) throw refuse(`invalid value ${JSON.stringify(`${name}=${value}`)}`);
      draft.options.push(value!);
    };
    case "tmpcopyup": case "notmpcopyup": case "nodev": case "dev": case "noexec": case "exec": case "nosuid": case "suid":
    case "noswap": case "no-dereference": case "volume-opt": case "uid": case "gid": case "mode": case "max": case "ptmxmode":
      return plain;
    default: return propagations.test(name) ? plain : undefined;
  }
}

/** One --mount. @throws Fault "usage.invalid" */
export function readMount(written: string): MountSpec {
  const words = readCsv(written);
  const typeWord = words.find((word) => word.startsWith("type="));
  const type = typeWord?.slice("type=".length) ?? "volume";
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (!kind) throw refuse(`invalid filesystem type ${JSON.stringify(type)}`, "use one of artifact, bind, volume, tmpfs, ramfs, image, devpts, glob");
  const draft: Draft = { kind, options: [] };
  for (const word of words) {
    if (word === typeWord) continue;
    const [name, value] = cut(word);
    const set = setterOf(name, kind);
    if (!set) throw badOption(name);
    set(draft, value, name);
  }
  return finish(draft, kind);
}

function finish(draft: Draft, kind: MountSpec["kind"]): MountSpec {
  if (kind === "image" && (!draft.source || !draft.target)) throw refuse("must set source and destination for image volume");
  if (kind === "artifact" && (!draft.source || !draft.target)) throw refuse("must set source and destination for artifact mount");
  if (kind === "artifact" && draft.blob?.digest && draft.blob.title) throw refuse("cannot specify both digest and title");
  if (kind === "artifact") draft.source = referenceText(artifactReference(draft.source!));
  if (draft.target === undefined && kind !== "glob") throw refuse("must set volume destination");
  const needsSource = kind === "bind" || kind === "glob";
  if (kind === "glob" && draft.source === undefined && draft.target === undefined) throw refuse("must set source for glob mount");
  if (needsSource && draft.source === undefined) draft.source = draft.target!;
  const source = needsSource ? absolute(draft.source!) : (draft.source ?? (kind === "volume" ? "" : kind));
  return { ...draft, kind, source, target: draft.target ?? "", ...(kind === "volume" && source === "" ? { anonymous: true } : {}) };
}
