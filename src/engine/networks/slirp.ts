// slirp4netns: a network namespace's way out where pasta is not, and published ports that come and go while it runs.
// Source: slirp4netns(1), "API"; podman-run(1), "--network slirp4netns".

import * as fs from "node:fs";
import type { PortMapping } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { needProgram, spawn } from "../../base/spawn.ts";
import { closeQuietly } from "../../kernel/files.ts";
import { kill, processStart } from "../../kernel/processes.ts";
import { connectUnix, receive, send, shutdown } from "../../kernel/sockets.ts";

export interface Slirp {
  readonly namespace: string;
  readonly device: string;
  readonly socket: string;
  readonly pidFile: string;
  /** Whether it gives the device its address and a default route. */
  readonly configures: boolean;
  readonly arguments?: readonly string[];
}

/** The address of the namespace's end, and what answers names at the other. */
export const slirpGuest = "10.0.2.100";
export const slirpDns = "10.0.2.3";

export const slirpName = /^slirp4netns/;

const readyMs = 5000;

/** Returns when it answers. @throws Fault "network.failed", "component.missing" */
export async function startSlirp(slirp: Slirp): Promise<void> {
  const program = needProgram("slirp4netns", "slirp4netns");
  fs.rmSync(slirp.socket, { force: true });
  const log = fs.openSync(`${slirp.pidFile}.log`, "w", 0o600);
  const child = spawn([
    program, "--disable-host-loopback", "--mtu=65520", ...(slirp.configures ? ["--configure"] : []), ...slirp.arguments ?? [],
    "--api-socket", slirp.socket, "--netns-type=path", slirp.namespace, slirp.device,
  ], { detached: true, cwd: "/", stdio: ["ignore", log, log] });
  fs.closeSync(log);
  child.unref();
  fs.writeFileSync(slirp.pidFile, String(child.pid), { mode: 0o600 });
  for (const end = performance.now() + readyMs; performance.now() < end; await Bun.sleep(2)) {
    if (fs.existsSync(slirp.socket)) return;
    if (processStart(child.pid) === undefined) break;
  }
  const said = fs.readFileSync(`${slirp.pidFile}.log`, "utf8").trim().slice(-500);
  stopByFile(slirp.pidFile, slirpName);
  throw new Fault("network.failed", `slirp4netns failed: ${said || "it did not answer"}`, { hint: "see that /dev/net/tun may be opened by everyone" });
}

/** Ends the process that a file names, if it is such a program still. */
export function stopByFile(file: string, program: RegExp): void {
  try {
    const pid = Number(fs.readFileSync(file, "latin1").trim());
    if (pid > 1 && program.test(fs.readFileSync(`/proc/${pid}/comm`, "latin1"))) kill(pid, 9);
  } catch {
    // It has ended, or never was.
  }
  fs.rmSync(file, { force: true });
  fs.rmSync(`${file}.log`, { force: true });
}

const answerBytesMax = 64 * 1024;

function ask(socket: string, request: object): { return?: { id?: number }; error?: { desc?: string } } {
  const fd = connectUnix(socket, "stream");
  try {
    send(fd, new TextEncoder().encode(JSON.stringify(request)));
    shutdown(fd, "write");
    const bytes = new Uint8Array(answerBytesMax);
    const length = receive(fd, bytes);
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, length))) as ReturnType<typeof ask>;
  } finally {
    closeQuietly(fd);
  }
}

/** Opens the ports on the host; gives their numbers for `closePorts`. Those opened are closed again where one cannot be. */
export function openPorts(socket: string, ports: readonly PortMapping[], toHostPort: boolean): number[] {
  const ids: number[] = [];
  try {
    for (const { hostIp, hostPort, containerPort, range, protocol } of ports) {
      if (protocol === "sctp" || hostIp.includes(":")) {
        throw new Fault("usage.unsupported", `cannot publish ${hostIp || "a port"} of protocol ${protocol}: slirp4netns carries tcp and udp over IPv4 only`);
      }
      for (let index = 0; index < range; index++) {
        const answer = ask(socket, { execute: "add_hostfwd", arguments: {
          proto: protocol, host_addr: hostIp || "0.0.0.0", host_port: hostPort + index, guest_addr: slirpGuest,
          guest_port: (toHostPort ? hostPort : containerPort) + index,
        } });
        if (answer.return?.id === undefined) {
          throw new Fault("network.failed", `cannot listen on the ${protocol.toUpperCase()} port ${hostIp}:${hostPort + index}: ${answer.error?.desc ?? "slirp4netns refused it"}`, {
            hint: "publish another host port, or find out who has it with: ss -lntup",
          });
        }
        ids.push(answer.return.id);
      }
    }
    return ids;
  } catch (thrown) {
    closePorts(socket, ids);
    throw thrown;
  }
}

export function closePorts(socket: string, ids: readonly number[]): void {
  for (const id of ids) ask(socket, { execute: "remove_hostfwd", arguments: { id } });
}
