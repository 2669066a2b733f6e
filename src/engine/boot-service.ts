// What starts containers at boot: a systemd unit, or a line of cron where there is no systemd.
// Source: systemd.unit(5), crontab(5); podman-restart.service, by its behaviour.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../base/fault.ts";
import { findProgram, spawnSync } from "../base/spawn.ts";
import { selfCommand } from "./containers/launch.ts";
import type { Host } from "./host.ts";

export const serviceName = "coracle-restart.service";
const cronFile = "/etc/cron.d/coracle-restart";

export interface ServicePlan {
  readonly kind: "systemd" | "cron";
  readonly path: string;
  readonly text: string;
  /** Commands to run after the file is written. */
  readonly commands: readonly (readonly string[])[];
}

const quoted = (word: string): string => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

function startLine(host: Host): string {
  return selfCommand(host, "start", "--all", "--filter", "should-start-on-boot=true").map(quoted).join(" ");
}

function unitText(host: Host): string {
  const stop = selfCommand(host, "stop", "--filter", "should-start-on-boot=true").map(quoted).join(" ");
  return `[Unit]
Description=Start containers whose restart policy asks for it
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=true
Delegate=true
KillMode=process
Environment=LOGGING="--log-level=info"
ExecStart=${startLine(host)}
ExecStop=${stop}

[Install]
WantedBy=${host.rootless ? "default" : "multi-user"}.target
`;
}

function unitPlan(host: Host): ServicePlan {
  const user = host.rootless ? ["--user"] : [];
  const home = process.env.XDG_CONFIG_HOME || `${process.env.HOME || "/"}/.config`;
  const directory = host.rootless ? `${home}/systemd/user` : "/etc/systemd/system";
  return {
    kind: "systemd", path: `${directory}/${serviceName}`, text: unitText(host),
    commands: existsSync("/run/systemd/system") ? [["systemctl", ...user, "daemon-reload"], ["systemctl", ...user, "enable", serviceName]] : [],
  };
}

/** @throws Fault "component.missing" where neither is there */
export function planService(host: Host, wanted?: "systemd" | "cron"): ServicePlan {
  const kind = wanted ?? (existsSync("/run/systemd/system") || findProgram("systemctl") ? "systemd" : "cron");
  if (kind === "systemd") return unitPlan(host);
  if (!findProgram("crontab") && !existsSync("/etc/cron.d")) {
    throw new Fault("component.missing", "cannot install a boot service: neither systemd nor cron is here", { hint: "install it, on Debian with: apt-get install cron" });
  }
  if (host.rootless) return { kind, path: "", text: `@reboot ${startLine(host)}\n`, commands: [] };
  return { kind, path: cronFile, text: `PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n@reboot root ${startLine(host)}\n`, commands: [] };
}

/** A person's own table of cron, without our line. */
function otherLines(): string[] {
  const listed = spawnSync(["crontab", "-l"]);
  return listed.status === 0 ? listed.text().split("\n").filter(line => line !== "" && !line.includes("should-start-on-boot=true")) : [];
}

function writeCrontab(lines: readonly string[]): void {
  const written = spawnSync(["crontab", "-"], { stdin: `${lines.join("\n")}\n` });
  if (written.status !== 0) throw new Fault("component.failed", `cannot write the table of cron: ${written.complaint()}`);
}

export function installService(plan: ServicePlan): void {
  if (plan.path === "") return writeCrontab([...otherLines(), plan.text.trim()]);
  try {
    mkdirSync(plan.path.slice(0, plan.path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    writeFileSync(plan.path, plan.text, { mode: 0o644 });
  } catch (cause) {
    throw new Fault("system.failed", `cannot write "${plan.path}": ${reasonOf(cause)}`, { cause });
  }
  runEach(plan.commands);
}

/** Whether there was one. */
export function removeService(plan: ServicePlan): boolean {
  if (plan.path === "") {
    const before = spawnSync(["crontab", "-l"]).text();
    writeCrontab(otherLines());
    return before.includes("should-start-on-boot=true");
  }
  if (!existsSync(plan.path) || !readFileSync(plan.path, "utf8").includes("should-start-on-boot=true")) return false;
  runEach(plan.commands.map(words => words.map(word => word === "enable" ? "disable" : word)).reverse());
  rmSync(plan.path, { force: true });
  return true;
}

function runEach(commands: readonly (readonly string[])[]): void {
  for (const words of commands) {
    const ran = spawnSync(words);
    if (ran.status !== 0) throw new Fault("component.failed", `cannot run "${words.join(" ")}": ${ran.complaint()}`);
  }
}
