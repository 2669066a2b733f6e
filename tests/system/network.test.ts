// Networks of a container: bridge with DNS, published ports, none, host, another's; ports in use; missing components.
// Source: podman-run(1), "--network" and "--publish".

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, commandLines, ok, podman, run, until } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry(["busybox", "ubi8"]);

test("none has only a loopback, host has the host's", () => {
  expect(ok("run", "--rm", "--network", "none", IMAGE, "ls", "/sys/class/net")).toBe("lo");
  expect(ok("run", "--rm", "--network", "host", IMAGE, "ip", "addr")).toContain("10.77.0.2");
});

test("the bridge gives an address, a way out and a published port", async () => {
  ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8088:80", IMAGE, "sh", "-c", "while true; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nboat' | nc -l -p 80; done");
  const address = ok("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "web");
  expect(address).toMatch(/^10\.88\.\d+\.\d+$/);
  expect(ok("run", "--rm", IMAGE, "ip", "route")).toMatch(/default via 10\.88\.0\.1/);
  expect(ok("port", "web")).toBe("80/tcp -> 127.0.0.1:8088");
  expect(ok("ps", "--format", "{{.Ports}}")).toBe("127.0.0.1:8088->80/tcp");
  let got = "";
  await until("an answer of the published port", () => (got = run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8088 && cat <&3"], { timeoutMs: 3000 }).out).includes("boat"));
  expect(got).toContain("boat");
  ok("rm", "-f", "-t", "0", "web");
  expect(run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8088"]).status).not.toBe(0);
});

test("a port is closed and free when its run --rm returns, and what comes next may have it", async () => {
  const rules = (): string => run(["nft", "list", "ruleset"]).out;
  ok("run", "-d", "--name", "beside", "-p", "8078:80", IMAGE, "sleep", "1000");
  for (let count = 0; count < 3; count++) {
    ok("run", "--rm", "-p", "8077:80", "-p", "8079:81", IMAGE, "true");
    expect(rules()).not.toMatch(/dport (8077|8079)/);
    const server = Bun.listen({ hostname: "0.0.0.0", port: 8077, socket: { data() {} } });
    server.stop(true);
  }
  expect(rules()).toContain("dport 8078");
  ok("run", "-d", "--name", "after", "-p", "8077:80", IMAGE, "sleep", "1000");
  await until("what was left to go", () => run(["ip", "-br", "link", "show", "master", "podman0"]).out.trim().split("\n").length === 2);
  expect(rules()).toContain("dport 8077");
  ok("rm", "-f", "-t", "0", "beside", "after");
  expect(rules()).not.toMatch(/dport 80\d\d/);
});

for (const ports of ["8077-8078:80-81", "127.0.0.1:8077:80", "8077:80/udp"]) {
  test(`all of a network with the port ${ports} is gone when its run --rm returns`, () => {
    ok("run", "--rm", "-p", ports, IMAGE, "true");
    expect(run(["ip", "-br", "link", "show", "podman0"]).out).toBe("");
    expect(run(["nft", "list", "ruleset"]).out).not.toMatch(/dport (8077|\{ ?8077)/);
  });
}

test("two containers get two addresses and reach each other", () => {
  ok("run", "-d", "--name", "one", IMAGE, "sh", "-c", "while true; do echo boat | nc -l -p 7000; done");
  const address = ok("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "one");
  const ran = podman("run", "--rm", IMAGE, "sh", "-c", `hostname -i; for i in 1 2 3 4 5 6; do nc -w 2 ${address} 7000 </dev/null && break; sleep 0.5; done`);
  expect(ran.out).toContain("boat");
  expect(ran.out.split("\n")[0]).not.toBe(address);
});

test("a port in use is one clear error and leaves nothing", async () => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 8099, socket: { data() {} } });
  try {
    const ran = podman("run", "-d", "--name", "clash", "-p", "127.0.0.1:8099:80", IMAGE, "sleep", "100");
    expect(ran.status).toBe(126);
    expect(ran.err).toMatch(/address already in use/);
    // conmon ends when its exit command has seen that the command which started it is over.
    await until("conmon and the program to be gone", () => !commandLines().some(line => /conmon|sleep 100/.test(line)), 1000);
  } finally {
    listener.stop(true);
  }
  ok("rm", "-f", "clash");
});

test("clean-up removes the interface, the name space and the helper", async () => {
  ok("run", "--rm", IMAGE, "true");
  await until("the veth to go", () => !run(["ip", "-o", "link"]).out.includes("veth0@") && !/veth\d+@if2.*podman0/.test(run(["ip", "-o", "link"]).out));
  expect(run(["ls", "/run/netns"]).out).toBe("");
  await until("aardvark-dns to end", () => !commandLines().some(line => line.includes("aardvark-dns")));
});

const bridgeOf = (network: string): string => ok("network", "inspect", "--format", "{{.NetworkInterface}}", network);
const hasLink = (name: string): boolean => run(["ip", "link", "show", name]).status === 0;

test("what an attached run with --rm leaves of its network goes by itself, and at once where it is in the way", async () => {
  ok("network", "create", "brief");
  const bridge = bridgeOf("brief");
  ok("run", "--rm", "--network", "brief", IMAGE, "true");
  ok("network", "rm", "brief");
  expect(hasLink(bridge)).toBe(false);
  ok("network", "create", "brief");
  const again = bridgeOf("brief");
  ok("run", "--rm", "--network", "brief", "--ip", ok("network", "inspect", "--format", "{{range .Subnets}}{{.Subnet}}{{end}}", "brief").replace("0/24", "9"), IMAGE, "true");
  expect(hasLink(again)).toBe(false);
  for (let round = 0; round < 3; round++) expect(ok("run", "--rm", "--network", "brief", IMAGE, "ip", "addr")).toContain("eth0");
  await until("the bridge to go", () => !hasLink(again));
  await until("the name spaces to go", () => run(["bash", "-c", "ls /run/containers/coracle/netns | wc -l"]).out.trim() === "0");
  ok("network", "rm", "brief");
});

test("nobody coming for it, the next container's start takes it away", async () => {
  ok("network", "create", "brief");
  const bridge = bridgeOf("brief");
  const running = begin(["podman", "run", "--rm", "--name", "orphan", "--network", "brief", IMAGE, "sleep", "1000"]);
  await until("the sleeper", () => podman("inspect", "--format", "{{.State.Status}}", "orphan").out.trim() === "running");
  // Without its monitor nothing of ours is called at the end.
  process.kill(Number(ok("inspect", "--format", "{{.State.ConmonPid}}", "orphan")), "SIGKILL");
  ok("rm", "-f", "-t", "0", "orphan");
  await running.exited;
  expect(hasLink(bridge)).toBe(false);
  ok("network", "rm", "brief");
});

test("a missing netavark is named with its Debian package", () => {
  const folder = newFolder("conf");
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "containers.conf"), `[network]\nnetavark_plugin_dirs = []\n[engine]\nhelper_binaries_dir = ["${folder}/empty"]\n`);
  const ran = run(["podman", "run", "--rm", IMAGE, "true"], { env: { CONTAINERS_CONF: join(folder, "containers.conf"), PATH: `${process.env["PATH"]!.split(":")[0]}:/usr/bin:/bin` } });
  expect([ran.status, ran.err]).toEqual([125, expect.stringMatching(/netavark/)]);
});

test("default_host_ips of containers.conf are where ports without an address are published, all of them", () => {
  const file = join(newFolder("conf"), "containers.conf");
  writeFileSync(file, '[network]\ndefault_host_ips = ["127.0.0.1", "::1"]\n');
  const env = { CONTAINERS_CONF_OVERRIDE: file };
  for (const [port, addresses] of [["8077:80", ["127.0.0.1", "::1"]], ["0.0.0.0:8077:80", ["0.0.0.0"]]] as const) {
    const id = run(["podman", "run", "-d", "-p", port, IMAGE, "sleep", "100"], { env }).out.trim();
    const bound = JSON.parse(ok("inspect", "--format", "{{json .HostConfig.PortBindings}}", id)) as Record<string, { HostIp: string }[]>;
    expect(bound["80/tcp"]!.map(({ HostIp }) => HostIp).sort()).toEqual([...addresses].sort());
    ok("rm", "-f", "-t0", id);
  }
});

test("inspect says where a container's network name space is: its process's where there is no network", () => {
  const key = (mode: string): string => ok("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", ok("run", "-d", "--network", mode, IMAGE, "sleep", "100"));
  const link = (path: string): string => run(["stat", "-L", "-c", "%i", path]).out;
  const bridged = key("bridge");
  expect(bridged).toMatch(/\/netns\/netns-[0-9a-f]{64}$/);
  const none = key("none");
  expect(none).toMatch(/^\/proc\/[0-9]+\/ns\/net$/);
  expect(new Set([link(bridged), link(none), link("/proc/self/ns/net")]).size).toBe(3);
  expect(key("host")).toBe("");
});
