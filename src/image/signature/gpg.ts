// OpenPGP by the gpg program: signing with a person's key, and verifying against given keys alone.
// Source: gpg(1); GnuPG's doc/DETAILS, "Format of the --status-fd output".

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { scratch } from "../../base/scratch.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import { payloadBytesMax } from "./statement.ts";

const gpgMs = 120_000;
const doubts: Readonly<Record<string, string>> = {
  EXPSIG: "it has expired",
  EXPKEYSIG: "the key has expired",
  REVKEYSIG: "the key was revoked",
};

export interface Key {
  /** Fingerprint, ID or user ID, as gpg takes it. */
  readonly key: string;
  readonly passphrase?: string;
}

/** An OpenPGP message that holds `payload` and a signature. @throws Fault "component.failed" with gpg's reason */
export function signWithGpg(payload: Uint8Array, { key, passphrase }: Key): Uint8Array {
  const gpg = needProgram("gpg", "gpg");
  const aside = scratch(undefined);
  try {
    const file = join(aside.path, "payload");
    const signed = join(aside.path, "signed");
    writeFileSync(file, payload, { mode: 0o600 });
    const secret = passphrase === undefined ? [] : ["--pinentry-mode", "loopback", "--passphrase-fd", "0"];
    const argv = [gpg, "--batch", "--no-tty", "--yes", ...secret, "--local-user", key, "--output", signed, "--sign", file];
    const { status, complaint } = run(argv, passphrase === undefined ? undefined : `${passphrase}\n`);
    if (status !== 0) throw new Fault("component.failed", `cannot sign with key ${JSON.stringify(key)}: ${reasonIn(complaint)}`);
    return readFileSync(signed);
  } finally {
    aside.remove();
  }
}

function run(argv: readonly string[], stdin?: string): { status: number; stdout: Uint8Array; complaint: string } {
  const done = spawnSync(argv, { timeoutMs: gpgMs, ...(stdin === undefined ? {} : { stdin }) });
  return { status: done.status, stdout: done.stdout, complaint: done.complaint() };
}

const reasonIn = (complaint: string): string =>
  complaint.split("\n").map(line => line.replace(/^gpg: /, "").trim()).filter(Boolean).slice(-2).join(": ") || "gpg gave no reason";

export interface Verified {
  readonly payload: Uint8Array;
  /** Of the primary key that signed, upper-case hex. */
  readonly fingerprint: string;
}

/** @param keys exported public keys, the only ones trusted; absent: those of the person's own keyring. @throws Fault "policy.rejected" */
export function verifyWithGpg(message: Uint8Array, keys?: readonly Uint8Array[]): Verified {
  const gpg = needProgram("gpg", "gpg");
  const aside = scratch(undefined);
  try {
    const home = join(aside.path, "home");
    mkdirSync(home, { mode: 0o700 });
    const own = keys === undefined ? [] : ["--homedir", home, "--no-autostart"];
    for (const [at, key] of (keys ?? []).entries()) importKey(gpg, own, { key, file: join(aside.path, `key-${at}`) });
    const file = join(aside.path, "message");
    const plain = join(aside.path, "payload");
    writeFileSync(file, message);
    const argv = [gpg, "--batch", "--no-tty", "--yes", ...own, "--trust-model", "always", "--status-fd", "1",
      "--max-output", String(payloadBytesMax), "--output", plain, "--decrypt", file];
    const { status, stdout, complaint } = run(argv);
    const valid = /^\[GNUPG:\] VALIDSIG ([0-9A-F]+)(?: \S+){8} ?([0-9A-F]*)/gm;
    const said = new TextDecoder().decode(stdout);
    const found = [...said.matchAll(valid)];
    // By a key that has expired or was revoked gpg calls a signature valid too, only not good.
    const doubt = /^\[GNUPG:\] (BADSIG|ERRSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|NODATA|PLAINTEXT_LENGTH_EXCEEDED)\b/m.exec(said)?.[1];
    const good = said.match(/^\[GNUPG:\] GOODSIG /gm)?.length ?? 0;
    if (status !== 0 || doubt !== undefined || found.length !== 1 || good !== 1) {
      const reason = status !== 0 ? reasonIn(complaint) : doubt === undefined ? "not signed exactly once" : doubts[doubt] ?? reasonIn(complaint);
      throw new Fault("policy.rejected", `Invalid GPG signature: ${reason}`);
    }
    const [, signing = "", primary = ""] = found[0]!;
    return { payload: readFileSync(plain), fingerprint: primary || signing };
  } finally {
    aside.remove();
  }
}

function importKey(gpg: string, own: readonly string[], { key, file }: { key: Uint8Array; file: string }): void {
  writeFileSync(file, key);
  const { status, complaint } = run([gpg, "--batch", "--no-tty", ...own, "--import", file]);
  if (status !== 0) throw new Fault("config.invalid", `cannot read public key: ${reasonIn(complaint)}`);
}

/** Mail addresses, or whole user IDs without one, of exported public keys. */
export function ownersOfKeys(key: Uint8Array): string[] {
  const gpg = needProgram("gpg", "gpg");
  const aside = scratch(undefined);
  try {
    const home = join(aside.path, "home");
    mkdirSync(home, { mode: 0o700 });
    const file = join(aside.path, "key");
    writeFileSync(file, key);
    const { status, stdout, complaint } = run([gpg, "--batch", "--no-tty", "--homedir", home, "--no-autostart", "--with-colons", "--show-keys", file]);
    if (status !== 0) throw new Fault("config.invalid", `cannot read public key: ${reasonIn(complaint)}`);
    const users = new TextDecoder().decode(stdout).split("\n").filter(line => line.startsWith("uid:")).map(line => line.split(":")[9] ?? "");
    return users.filter(Boolean).map(user => /<([^>]*)>/.exec(user)?.[1] ?? user);
  } finally {
    aside.remove();
  }
}
