// Where secrets lie: in files of ours, in a `pass` store that gpg encrypts, or wherever the person's own commands put them.
// Source: podman-secret-create(1), "Secret Drivers".

import { mkdirSync, readFileSync, realpathSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { Fault, errnoOf } from "../../base/fault.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";

/** IDs are ours: 25 hexadecimal digits, or what an older store named. Values never enter a message. */
export interface SecretDriver {
  store(id: string, value: Uint8Array): void;
  /** @throws Fault "secret.not-found" */
  lookup(id: string): Uint8Array;
  /** False when it was not there. */
  remove(id: string): boolean;
}

export const secretBytesMax = 512_000;
const commandMs = 60_000;

/** @throws Fault "usage.invalid" for a driver or an option that is none */
export function secretDriver(name: string, options: Readonly<Record<string, string>>): SecretDriver {
  switch (name) {
    case "file": return fileDriver(options);
    case "pass": return passDriver(options);
    case "shell": return shellDriver(options);
    default: throw new Fault("usage.invalid", "invalid driver", { hint: "use one of file, pass, shell" });
  }
}

const gone = (id: string, cause?: unknown): Fault => new Fault("secret.not-found", `${id}: no such secret`, { cause });

function checkId(id: string): void {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(id)) throw new Fault("input.malformed", `cannot use secret ID ${JSON.stringify(id.slice(0, 80))}: invalid key`);
}

function removeFile(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

/** One file a secret, readable by its owner alone. */
function fileDriver({ path }: Readonly<Record<string, string>>): SecretDriver {
  if (!path) throw new Fault("usage.invalid", "need path for filedriver: invalid driver option");
  const fileOf = (id: string): string => {
    checkId(id);
    return `${path}/${id}`;
  };
  return {
    store(id, value) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const file = fileOf(id);
      writeFileSync(`${file}.new`, value, { mode: 0o600, flag: "wx" });
      renameSync(`${file}.new`, file);
    },
    lookup(id) {
      try {
        return readFileSync(fileOf(id));
      } catch (thrown) {
        if (errnoOf(thrown) === "ENOENT") throw gone(id, thrown);
        throw thrown;
      }
    },
    remove: id => removeFile(fileOf(id)),
  };
}

interface PassPlace {
  readonly root: string;
  readonly key: string | undefined;
  readonly home: string | undefined;
}

/** The key that a `.gpg-id` here or above names. */
function keyAbove(root: string): string | undefined {
  for (let path = root; path.length > 1; path = path.slice(0, path.lastIndexOf("/"))) {
    try {
      return readFileSync(`${path}/.gpg-id`, "utf8").trim().split("\n")[0];
    } catch {
      // Further up, then.
    }
  }
  return undefined;
}

function passPlace(options: Readonly<Record<string, string>>): PassPlace {
  for (const name of Object.keys(options)) {
    if (!["root", "key", "gpghomedir"].includes(name)) throw new Fault("usage.invalid", `invalid pass driver option: ${JSON.stringify(name)}`);
  }
  const home = process.env["HOME"] || "/root";
  const usual = [`${home}/.password-store`, `${home}/.local/share/gopass/stores/root`];
  const root = options["root"] ?? usual.find(path => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  if (root === undefined) {
    throw new Fault("usage.invalid", "cannot find a password store: neither ~/.password-store nor a root is there", { hint: "name one with --driver-opts root=DIR,key=KEY" });
  }
  const absolute = statSync(root, { throwIfNoEntry: false }) ? realpathSync(root) : root;
  return { root: absolute, key: options["key"] ?? keyAbove(absolute), home: options["gpghomedir"] };
}

function passDriver(options: Readonly<Record<string, string>>): SecretDriver {
  const { root, key, home } = passPlace(options);
  const fileOf = (id: string): string => {
    checkId(id);
    return `${root}/${id}.gpg`;
  };
  const gpg = (stdin: Uint8Array | undefined, ...args: string[]) => {
    const argv = [needProgram("gpg", "gpg"), "--batch", "--no-tty", "--quiet", ...(home ? ["--homedir", home] : []), ...args];
    return spawnSync(argv, { timeoutMs: commandMs, ...(stdin ? { stdin } : {}) });
  };
  return {
    store(id, value) {
      if (!key) throw new Fault("usage.invalid", "cannot store a secret with pass: no key is known", { hint: "name one with --driver-opts key=KEY" });
      const { status, complaint } = gpg(value, "--trust-model", "always", "--encrypt", "-r", key, "-o", fileOf(id));
      if (status !== 0) throw new Fault("component.failed", `gpg cannot encrypt for "${key}": ${complaint()}`);
    },
    lookup(id) {
      const { status, stdout, complaint } = gpg(undefined, "--decrypt", fileOf(id));
      if (status !== 0 || stdout.length === 0) throw gone(id, complaint());
      return stdout;
    },
    remove: id => removeFile(fileOf(id)),
  };
}

const shellCommands = ["delete", "list", "lookup", "store"] as const;

/** The ID is in $SECRET_ID, the value travels by standard input and output. */
function shellDriver(options: Readonly<Record<string, string>>): SecretDriver {
  for (const name of Object.keys(options)) {
    if (!(shellCommands as readonly string[]).includes(name)) throw new Fault("usage.invalid", `invalid shell driver option: ${JSON.stringify(name)}`);
  }
  if (shellCommands.some(name => !options[name])) {
    throw new Fault("usage.invalid", "missing config value", { hint: "give all four: --driver-opts delete=…,list=…,lookup=…,store=…" });
  }
  const sh = (command: string, id: string, stdin?: Uint8Array) => {
    checkId(id);
    const bounds = { timeoutMs: commandMs, outputBytesMax: secretBytesMax * 2 };
    return spawnSync(["/bin/sh", "-c", command], { env: { ...process.env, SECRET_ID: id }, stderr: "inherit", ...bounds, ...(stdin ? { stdin } : {}) });
  };
  return {
    store(id, value) {
      const { status } = sh(options["store"]!, id, value);
      if (status !== 0) throw new Fault("component.failed", `the store command left with exit status ${status}`);
    },
    lookup(id) {
      const { status, stdout } = sh(options["lookup"]!, id);
      if (status !== 0) throw gone(id);
      return stdout;
    },
    remove(id) {
      const { status } = sh(options["delete"]!, id);
      if (status !== 0) throw new Fault("component.failed", `the delete command left with exit status ${status}`);
      return true;
    },
  };
}
