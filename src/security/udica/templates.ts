// The templates that policies inherit from: built in, in two flavours, and written out where semodule can read them.
// Source: the block names that udica's policies expect; refpolicy, and Fedora's policy with container-selinux.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";
import { policyName } from "../selinux/host-labels.ts";
import fedoraBase from "./templates/fedora/base_container.cil" with { type: "text" };
import fedoraConfig from "./templates/fedora/config_container.cil" with { type: "text" };
import fedoraHome from "./templates/fedora/home_container.cil" with { type: "text" };
import fedoraLog from "./templates/fedora/log_container.cil" with { type: "text" };
import fedoraNet from "./templates/fedora/net_container.cil" with { type: "text" };
import fedoraTmp from "./templates/fedora/tmp_container.cil" with { type: "text" };
import fedoraTty from "./templates/fedora/tty_container.cil" with { type: "text" };
import fedoraVirt from "./templates/fedora/virt_container.cil" with { type: "text" };
import fedoraX from "./templates/fedora/x_container.cil" with { type: "text" };
import engine from "./templates/refpolicy/coracle_engine.cil" with { type: "text" };
import base from "./templates/refpolicy/base_container.cil" with { type: "text" };
import config from "./templates/refpolicy/config_container.cil" with { type: "text" };
import home from "./templates/refpolicy/home_container.cil" with { type: "text" };
import logs from "./templates/refpolicy/log_container.cil" with { type: "text" };
import net from "./templates/refpolicy/net_container.cil" with { type: "text" };
import tmp from "./templates/refpolicy/tmp_container.cil" with { type: "text" };
import tty from "./templates/refpolicy/tty_container.cil" with { type: "text" };
import virt from "./templates/refpolicy/virt_container.cil" with { type: "text" };
import x from "./templates/refpolicy/x_container.cil" with { type: "text" };

export type Flavour = "refpolicy" | "fedora";

const texts: Readonly<Record<Flavour, Readonly<Record<string, string>>>> = {
  refpolicy: {
    base_container: base, config_container: config, home_container: home, log_container: logs, net_container: net,
    tmp_container: tmp, tty_container: tty, virt_container: virt, x_container: x,
  },
  fedora: {
    base_container: fedoraBase, config_container: fedoraConfig, home_container: fedoraHome, log_container: fedoraLog, net_container: fedoraNet,
    tmp_container: fedoraTmp, tty_container: fedoraTty, virt_container: fedoraVirt, x_container: fedoraX,
  },
};

export const templateNames = Object.keys(texts.refpolicy) as readonly string[];

/** What the engine itself needs on refpolicy, written out; Fedora's policy has it. */
export function writeEngineModule(): string {
  const file = `${ownPlace()}/coracle_engine.cil`;
  writeOut(file, engine);
  return file;
}

/** Of the program's file: by it the program may make code at run time. */
export const engineType = "unconfined_execmem_exec_t";

/** By the attributes that the loaded policy defines: their names stand in it as they are. */
export function policyFlavour(etc = "/etc/selinux"): Flavour {
  const folder = `${etc}/${policyName()}/policy`;
  const newest = existsSync(folder) ? readdirSync(folder).filter(name => /^policy\.\d+$/.test(name)).sort((a, b) => Number(b.slice(7)) - Number(a.slice(7)))[0] : undefined;
  if (newest === undefined) return existsSync("/etc/debian_version") ? "refpolicy" : "fedora";
  return readFileSync(`${folder}/${newest}`).includes("svirt_sandbox_domain") ? "fedora" : "refpolicy";
}

/** @throws Fault "usage.invalid" for a template that is none of the nine */
export function templateText(name: string, flavour: Flavour = policyFlavour()): string {
  const text = Object.hasOwn(texts[flavour], name) ? texts[flavour][name] : undefined;
  if (text === undefined) throw new Fault("usage.invalid", `there is no template ${JSON.stringify(name)}`);
  return text;
}

const installed = "/usr/share/udica/templates";

/** Where the person keeps templates of their own, or the machine's package has them; else our own are written out. */
export function templatesPlace(names: readonly string[]): string {
  if (existsSync("./templates")) return "./templates";
  if (existsSync(installed)) return installed;
  const place = ownPlace();
  for (const name of names) writeOut(`${place}/${name}.cil`, templateText(name));
  return place;
}

/** Files under /usr are of a type that semodule's own domain may read, unlike those under /var. */
function ownPlace(): string {
  const home = process.env["XDG_DATA_HOME"] ?? `${process.env["HOME"] ?? "/tmp"}/.local/share`;
  return process.getuid?.() === 0 ? "/usr/local/share/udica/templates" : `${home}/udica/templates`;
}

/** Whole or not at all, and only where it differs. */
export function writeOut(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  try {
    mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    writeFileSync(`${file}.${process.pid}`, text, { mode: 0o644 });
    renameSync(`${file}.${process.pid}`, file);
  } catch (cause) {
    throw new Fault("system.failed", `cannot write the template "${file}": ${reasonOf(cause)}`, { cause });
  }
}
