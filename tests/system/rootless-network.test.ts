// Networks of an ordinary user: bridges with names in his own network namespace, published ports, and that nothing is left of them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { begin, commandLines, mustRun, until } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE } from "../fixtures/store.ts";
import { makeUser, type User } from "../fixtures/user.ts";

let ann: User;
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(busybox(), "busybox");
  ann = makeUser("ann", 2001);
  ann.ok("pull", "-q", IMAGE);
}, 60_000);
afterAll(async () => {
  ann.run(["podman", "rm", "-fa", "-t0"]);
  await registry?.stop();
}, 60_000);

const helpers = (): string[] => commandLines().filter(line => /pasta|slirp4netns|aardvark/.test(line));
/** Helpers are told to end, and take a moment; the network of a container with --rm goes right after its command has returned. */
async function untilGone(): Promise<void> {
  await until("the helpers to end", () => helpers().length === 0).catch(() => {});
  expect(helpers()).toEqual([]);
}

const heard = (port: number): string =>
  ann.run(["bash", "-c", `for i in $(seq 50); do exec 3<>/dev/tcp/127.0.0.1/${port} && said=$(head -c5 <&3); [ "$said" ] && printf %s "$said" && exit; sleep 0.1; done 2>/dev/null`]).out;
const answering = (word: string): string[] => ["sh", "-c", `while true; do echo ${word} | nc -l -p 80; done`];

test("containers on a network know each other's names, publish ports, and come and go while others run", async () => {
  ann.ok("network", "create", "net");
  ann.ok("run", "-d", "--name", "one", "--network", "net", "-p", "8091:80", IMAGE, ...answering("uno_1"));
  ann.ok("run", "-d", "--name", "two", "--network", "net", "-p", "127.0.0.1:8092:80", IMAGE, ...answering("dos_2"));
  expect(ann.ok("exec", "two", "sh", "-c", "nc one 80 </dev/null")).toBe("uno_1");
  expect([heard(8091), heard(8092)]).toEqual(["uno_1", "dos_2"]);
  ann.ok("rm", "-f", "-t0", "one");
  expect(ann.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8091"]).status).not.toBe(0);
  expect(heard(8092)).toBe("dos_2");
  ann.ok("run", "-d", "--name", "three", "--network", "net", "-p", "8091:80", IMAGE, ...answering("tre_3"));
  expect(heard(8091)).toBe("tre_3");
  ann.ok("rm", "-f", "-t0", "two", "three");
  await untilGone();
  expect(existsSync(`${ann.runDirectory}/containers/coracle/rootless-netns`)).toBe(false);
  ann.ok("network", "rm", "net");
}, 60_000);

/** Answers every question for an IPv4 address with 198.51.100.7, as the host's resolver. */
const resolver = () => Bun.udpSocket({
  hostname: "127.0.0.53", port: 53,
  socket: {
    data(socket, query, port, address) {
      const end = query.indexOf(0, 12) + 5;
      const isFour = query.readUInt16BE(end - 4) === 1;
      const head = Buffer.concat([query.subarray(0, 2), Buffer.from([0x81, 0x80, 0, 1, 0, isFour ? 1 : 0, 0, 0, 0, 0]), query.subarray(12, end)]);
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7]);
      socket.send(isFour ? Buffer.concat([head, answer]) : head, port, address);
    },
  },
});

test("names are found by the host's own resolver, though it listens on the host's loopback alone", async () => {
  const server = await resolver();
  const run = (...words: string[]) => begin([...ann.prefix, "podman", "run", "--rm", ...words], { cwd: "/" });
  const asking = run(IMAGE, "sh", "-c", "cat /etc/resolv.conf; nslookup web.test");
  expect([await asking.exited, asking.out().includes("nameserver 169.254.1.1\n"), asking.out().includes("198.51.100.7")]).toEqual([0, true, true]);
  const other = run("--network", "pasta:--dns-forward,198.51.100.1", IMAGE, "cat", "/etc/resolv.conf");
  await other.exited;
  expect(other.out()).toContain("nameserver 198.51.100.1\n");
  const given = run("--dns", "192.0.2.1", IMAGE, "cat", "/etc/resolv.conf");
  await given.exited;
  expect(given.out().match(/^nameserver .*$/gm)).toEqual(["nameserver 192.0.2.1"]);
  server.close();
}, 60_000);

test("a PATH without the places of administrators' programs is no hindrance", async () => {
  const ran = ann.run(["env", "PATH=/run/user-programs:/usr/bin:/bin", "podman", "run", "--rm", "--network", "podman", IMAGE, "echo", "connected"]);
  expect([ran.out, ran.err]).toEqual(["connected\n", ""]);
  await untilGone();
});

test("a UDP port is published too", () => {
  ann.ok("run", "-d", "--name", "u", "--network", "podman", "-p", "8093:93/udp", IMAGE, "sleep", "100");
  // Nobody listens there: the kernel counts what came for nobody.
  const arrived = (): number => Number(ann.ok("exec", "u", "cat", "/proc/net/snmp").split("\n").filter(line => line.startsWith("Udp:"))[1]!.split(" ")[2]);
  expect(arrived()).toBe(0);
  ann.run(["bash", "-c", "echo heard >/dev/udp/127.0.0.1/8093; sleep 0.3"]);
  expect(arrived()).toBe(1);
  ann.ok("rm", "-f", "-t0", "u");
});

test("a port that is taken is refused in one sentence, and nothing is left", async () => {
  ann.ok("run", "-d", "--name", "a", "--network", "podman", "-p", "8094:80", IMAGE, "sleep", "100");
  const ran = ann.podman("run", "-d", "--name", "b", "--network", "podman", "-p", "8094:80", IMAGE, "sleep", "100");
  expect([ran.status, /cannot listen on the TCP port/.test(ran.err)]).toEqual([126, true]);
  ann.ok("rm", "-f", "-t0", "a", "b");
  await untilGone();
});

test("unshare --rootless-netns runs among the bridges, and takes the namespace away again", async () => {
  expect(ann.podman("unshare", "--rootless-netns", "sh", "-c", "ls /sys/class/net >/dev/null; cat /proc/net/dev | grep -c : ; exit 7").status).toBe(7);
  expect(existsSync(`${ann.runDirectory}/containers/coracle/rootless-netns`)).toBe(false);
  ann.ok("run", "-d", "--name", "b", "--network", "podman", IMAGE, "sleep", "100");
  expect(ann.ok("unshare", "--rootless-netns", "cat", "/proc/net/dev")).toContain("podman0:");
  expect(ann.ok("exec", "b", "ip", "-4", "-o", "addr", "show", "eth0")).toContain("10.88.");
  ann.ok("rm", "-f", "-t0", "b");
  await untilGone();
});

test("a container with users of its own joins a network", async () => {
  expect(ann.ok("run", "--rm", "--userns", "keep-id", "--network", "podman", IMAGE, "sh", "-c", "id -u; ip -4 -o addr show eth0 | wc -l")).toBe("2001\n1");
  await untilGone();
});

test("slirp4netns connects a container that asks for it, publishes its port and ends with it", async () => {
  ann.ok("run", "-d", "--name", "s", "--network", "slirp4netns:mtu=9000", "-p", "8095:80", IMAGE, ...answering("slirp"));
  expect(heard(8095)).toBe("slirp");
  expect(ann.ok("exec", "s", "cat", "/sys/class/net/tap0/mtu")).toBe("9000");
  ann.ok("rm", "-f", "-t0", "s");
  await untilGone();
  const wrong = ann.podman("run", "--rm", "--network", "slirp4netns:nonsense=1", IMAGE, "true");
  expect([wrong.status, wrong.err.includes('unknown option for slirp4netns: "nonsense=1"')]).toEqual([125, true]);
});

test("the namespace comes back after the pause process was killed", async () => {
  ann.ok("run", "-d", "--name", "k", "--network", "podman", IMAGE, "sleep", "100");
  ann.ok("rm", "-f", "-t0", "k");
  ann.ok("system", "migrate");
  ann.ok("run", "--rm", "--network", "podman", IMAGE, "true");
  await untilGone();
});

/** Builds one RUN without the cache; what the build printed. */
function buildRun(line: string, ...words: string[]): string {
  mkdirSync(`${ann.home}/built`, { recursive: true });
  writeFileSync(`${ann.home}/built/Containerfile`, `FROM ${IMAGE}\nRUN ${line}\n`);
  return ann.ok("build", "--no-cache", ...words, "built");
}

test("RUN reaches the host by the ways a container has, and by no other", async () => {
  const service = begin([process.execPath, "-e", `Bun.listen({ hostname: "127.0.0.1", port: 8097, socket: { open(s) { s.write("from_host"); }, data() {} } }); console.log("listens")`]);
  await until("the service", () => service.out() !== "");
  try {
    const ask = (gateway: string): string => `echo heard $(timeout 2 nc ${gateway} 8097 | head -c9); ip -o route`;
    const [closed, open] = [buildRun(ask("10.77.0.1")), buildRun(ask("10.77.0.1"), "--network", "pasta:--map-gw")];
    expect([/^heard.*/m.exec(closed)?.[0], /^heard.*/m.exec(open)?.[0]]).toEqual(["heard", "heard from_host"]);
    for (const said of [closed, open]) expect(said).toMatch(/^default via 10\.77\.0\.1/m);
    expect(buildRun(ask("127.0.0.1"), "--network", "host")).toContain("heard from_host");
    expect(buildRun("ls /sys/class/net", "--network", "none")).toMatch(/^lo\n/m);
    expect(buildRun("echo up $(ls /sys/class/net)", "--network", "slirp4netns")).toContain("up lo tap0");
    expect(buildRun("ip -4 -o addr show eth0", "--network", "podman")).toContain("10.88.");
  } finally {
    service.child.kill("SIGKILL");
  }
  await untilGone();
}, 60_000);

test("buildah run has the network of a container, and leaves nothing of it", async () => {
  const buildah = (...words: string[]): string => {
    const ran = ann.run(["buildah", ...words]);
    expect([words, ran.status, ran.err]).toEqual([words, 0, ""]);
    return ran.out.trim();
  };
  const name = buildah("from", "-q", IMAGE);
  expect(buildah("run", name, "ip", "-o", "route")).toMatch(/^default via 10\.77\.0\.1/);
  expect(buildah("run", "--network", "none", name, "ls", "/sys/class/net")).toBe("lo");
  buildah("rm", name);
  await untilGone();
});

test("behind pasta a container finds itself by name, also with users of its own, and asks the host's resolver by its address", () => {
  for (const more of [[], ["--uidmap", "0:1:1000"]]) {
    expect(ann.ok("run", "--rm", ...more, "--hostname", "itself", IMAGE, "grep", "itself", "/etc/hosts")).toMatch(/^10\.77\.0\.2\s+itself/);
  }
  expect(ann.ok("run", "--rm", IMAGE, "cat", "/etc/resolv.conf")).toContain("nameserver 169.254.1.1");
});

test("where the host has IPv6 alone, a container behind pasta is not sent to a resolver that answers by IPv4", () => {
  const ip = (words: string): string => mustRun(["sh", "-c", words.split(";").map(part => `ip ${part}`).join(" && ")]);
  ip("-6 addr add fd77::2/64 dev eth0 nodad; -6 route add default via fd77::1 dev eth0; addr del 10.77.0.2/24 dev eth0");
  try {
    const said = ann.ok("run", "--rm", "--hostname", "itself", IMAGE, "sh", "-c", "cat /etc/resolv.conf; grep itself /etc/hosts");
    expect(said).not.toContain("169.254.1.1");
    expect(said).toMatch(/fd77::2\s+itself/);
  } finally {
    ip("addr add 10.77.0.2/24 dev eth0; route add default via 10.77.0.1; -6 addr del fd77::2/64 dev eth0");
  }
});
