// Layer keys for the owners of OpenPGP keys, by the gpg program.
// Source: gpg(1); RFC 4880.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { scratch } from "../../base/scratch.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import type { PgpSecret } from "./keys.ts";

const gpgMs = 120_000;
const plainBytesMax = 64 * 1024;

/** In the older packet forms, which every reader of such layers knows. */
export function encryptPgp(plain: Uint8Array, recipients: readonly string[]): Uint8Array {
  const gpg = needProgram("gpg", "gpg");
  const aside = scratch(undefined);
  try {
    const [file, sealed] = [join(aside.path, "options"), join(aside.path, "sealed")];
    writeFileSync(file, plain, { mode: 0o600 });
    const to = recipients.flatMap(name => ["--recipient", name]);
    const argv = [gpg, "--batch", "--no-tty", "--yes", "--rfc4880", "--no-auto-key-locate", "--trust-model", "always", "--compress-algo", "none", "--cipher-algo", "AES256",
      ...to, "--output", sealed, "--encrypt", file];
    const done = spawnSync(argv, { timeoutMs: gpgMs });
    if (done.status === 0) return readFileSync(sealed);
    throw new Fault("component.failed", `cannot encrypt for ${recipients.map(name => JSON.stringify(name)).join(", ")}: ${done.complaint().trim().slice(-300)}`, {
      hint: "see which keys there are with: gpg --list-keys",
    });
  } finally {
    aside.remove();
  }
}

/** undefined where none of the secret keys opens it. */
export function decryptPgp(message: Uint8Array, secrets: readonly PgpSecret[]): Uint8Array | undefined {
  for (const secret of secrets) {
    const plain = openWith(message, secret);
    if (plain) return plain;
  }
  return undefined;
}

/** In a key ring of its own, whose agent ends with it. */
function openWith(message: Uint8Array, { ring, password = "" }: PgpSecret): Uint8Array | undefined {
  const gpg = needProgram("gpg", "gpg");
  const aside = scratch(undefined);
  const home = join(aside.path, "home");
  try {
    mkdirSync(home, { mode: 0o700 });
    const [keys, sealed, plain] = ["keys", "sealed", "options"].map(name => join(aside.path, name)) as [string, string, string];
    writeFileSync(keys, ring, { mode: 0o600 });
    writeFileSync(sealed, message);
    const own = [gpg, "--batch", "--no-tty", "--yes", "--homedir", home, "--pinentry-mode", "loopback", "--passphrase-fd", "0"];
    const secret = { timeoutMs: gpgMs, stdin: `${password}\n` };
    if (spawnSync([...own, "--import", keys], secret).status !== 0) return undefined;
    const argv = [...own, "--max-output", String(plainBytesMax), "--output", plain, "--decrypt", sealed];
    return spawnSync(argv, secret).status === 0 ? readFileSync(plain) : undefined;
  } finally {
    spawnSync(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], { timeoutMs: gpgMs });
    aside.remove();
  }
}
