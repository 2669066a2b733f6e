// Networks: create with each option, list and inspect, connect and disconnect while a container runs, reload, update, prune.
// Source: podman-network(1).

import { afterEach, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, ok, podman, run, until } from "../fixtures/coracle.ts";
import { worldFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
afterEach(() => {
  run(["podman", "rm", "-af", "-t", "0"]);
  run(["podman", "network", "prune", "-f"]);
});

const create = (...words: string[]): string => ok("network", "create", ...words);
const inspect = (name: string) => JSON.parse(ok("network", "inspect", name))[0];
const refused = (...words: string[]): string => {
  const ran = podman("network", "create", ...words);
  expect([words, ran.status]).toEqual([words, 125]);
  return ran.err;
};
const daemon = (name: string, ...words: string[]): string => ok("run", "-d", "--name", name, ...words, IMAGE, "sleep", "1000");

test("create takes a free name, subnet and interface, and random IDs", () => {
  const name = create();
  expect(name).toMatch(/^podman\d+$/);
  const first = inspect(name);
  expect(first).toMatchObject({ driver: "bridge", network_interface: name, internal: false, dns_enabled: true, ipv6_enabled: false, ipam_options: { driver: "host-local" } });
  expect(first.subnets).toEqual([{ subnet: "10.89.0.0/24", gateway: "10.89.0.1" }]);
  create("other");
  expect(inspect("other").subnets[0].subnet).toBe("10.89.1.0/24");
  ok("network", "rm", "other");
  create("other");
  const again = inspect("other").id;
  ok("network", "rm", "other");
  create("other");
  expect(inspect("other").id).not.toBe(again);
  expect(inspect(again.slice(0, 0) + "podman").id).toBe("2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9");
});

test("create takes subnets, gateways, ranges, routes, IPv6, labels and DNS servers", () => {
  create("--subnet", "10.51.0.0/24", "--gateway", "10.51.0.9", "--ip-range", "10.51.0.128/25", "--subnet", "fd51::/64", "--route", "10.60.0.0/16,10.51.0.7,50",
    "--label", "a=b", "--dns", "9.9.9.9,1.1.1.1", "--interface-name", "br51", "full");
  expect(inspect("full")).toMatchObject({
    network_interface: "br51", ipv6_enabled: true, labels: { a: "b" }, network_dns_servers: ["9.9.9.9", "1.1.1.1"],
    subnets: [{ subnet: "10.51.0.0/24", gateway: "10.51.0.9", lease_range: { start_ip: "10.51.0.129", end_ip: "10.51.0.254" } }, { subnet: "fd51::/64", gateway: "fd51::1" }],
    routes: [{ destination: "10.60.0.0/16", gateway: "10.51.0.7", metric: 50 }],
  });
  create("--subnet", "10.52.0.0/24", "--ip-range", "10.52.0.10-10.52.0.11", "--internal", "--disable-dns", "inner");
  expect(inspect("inner")).toMatchObject({ internal: true, dns_enabled: false, subnets: [{ subnet: "10.52.0.0/24" }] });
  expect(inspect("inner").subnets[0].gateway).toBeUndefined();
  expect(ok("run", "--rm", "--network", "inner", IMAGE, "ip", "-4", "-o", "addr", "show", "eth0")).toContain("10.52.0.10/24");
  create("--ipv6", "six");
  expect(inspect("six").subnets.map(({ subnet }: { subnet: string }) => subnet.includes(":"))).toEqual([false, true]);
  create("--ipam-driver", "none", "bare");
  expect(inspect("bare")).toMatchObject({ dns_enabled: false, ipam_options: { driver: "none" } });
});

test("create checks the options of each driver", () => {
  create("-o", "mtu=1400", "-o", "isolate=1", "-o", "metric=7", "-o", "no_default_route=0", "opts");
  expect(inspect("opts").options).toEqual({ mtu: "1400", isolate: "true", metric: "7", no_default_route: "false" });
  expect(ok("run", "--rm", "--network", "opts", IMAGE, "cat", "/sys/class/net/eth0/mtu")).toBe("1400");
  create("-o", "com.docker.network.driver.mtu=1300", "-o", "com.docker.network.bridge.name=dockerish", "docker");
  expect(inspect("docker")).toMatchObject({ network_interface: "dockerish", options: { mtu: "1300" } });
  mustRun(["ip", "link", "add", "parent0", "type", "veth", "peer", "name", "parent1"]);
  create("-d", "macvlan", "-o", "parent=parent0", "-o", "mode=private", "--subnet", "10.53.0.0/24", "mac");
  expect(inspect("mac")).toMatchObject({ driver: "macvlan", network_interface: "parent0", dns_enabled: false, options: { mode: "private" }, ipam_options: { driver: "host-local" } });
  create("-d", "ipvlan", "-o", "parent=parent0", "-o", "mode=l3", "--subnet", "10.54.0.0/24", "ipv");
  expect(inspect("ipv")).toMatchObject({ driver: "ipvlan", options: { mode: "l3" } });
  create("-d", "macvlan", "dhcp");
  expect(inspect("dhcp").ipam_options).toEqual({ driver: "dhcp" });
  for (const [complaint, ...words] of [
    ["unsupported bridge network option colour", "-o", "colour=red"], ["mtu -1 is less than zero", "-o", "mtu=-1"], ["vlan ID 5000 must be", "-o", "vlan=5000"],
    ["failed to parse isolate option", "-o", "isolate=perhaps"], ['unknown bridge mode "x"', "-o", "mode=x"], ["invalid vrf name", "-o", "vrf="],
    ['unknown macvlan mode "x"', "-d", "macvlan", "-o", "mode=x"], ['unknown ipvlan mode "x"', "-d", "ipvlan", "--subnet", "10.55.0.0/24", "-o", "mode=x"],
    ["unsupported ipvlan network option bclim", "-d", "ipvlan", "--subnet", "10.55.0.0/24", "-o", "bclim=1"],
    ["parent interface nosuch does not exist", "-d", "macvlan", "-o", "parent=nosuch"], ["ipam driver dhcp is not supported with ipvlan", "-d", "ipvlan"],
    ['failed to find driver or plugin "magic"', "-d", "magic"], ['unsupported ipam driver "x"', "--ipam-driver", "x"],
    ["none ipam driver is set but subnets are given", "--ipam-driver", "none", "--subnet", "10.55.0.0/24"],
  ]) expect(refused(...words as string[])).toContain(complaint as string);
});

test("create refuses what contradicts itself or others", () => {
  create("--subnet", "10.51.0.0/24", "--interface-name", "br51", "one");
  for (const [complaint, ...words] of [
    ["network name one already used: network already exists", "one"], ["subnet 10.51.0.0/16 is already used", "--subnet", "10.51.0.0/16", "x"],
    ["bridge name br51 already in use", "--interface-name", "br51", "x"], ["interface name is too long", "--interface-name", "a234567890123456", "x"],
    ["gateway 10.56.0.1 not in subnet 10.55.0.0/24", "--subnet", "10.55.0.0/24", "--gateway", "10.56.0.1"], ["cannot set gateway or range without subnet", "--gateway", "10.55.0.1"],
    ["cannot set more ranges than subnets", "--subnet", "10.55.0.0/24", "--ip-range", "10.55.0.0/25", "--ip-range", "10.55.0.128/25"],
    ["lease range start ip 10.57.0.1 not in subnet", "--subnet", "10.55.0.0/24", "--ip-range", "10.57.0.0/25"], ["invalid CIDR address: x", "--subnet", "x"],
    ["invalid route destination x", "--route", "x,10.0.0.1"], ["invalid route gateway y", "--route", "10.0.0.0/8,y"], ["Format: --route", "--route", "10.0.0.0/8"],
    ["unable to parse ip z specified in NetworkDNSServers", "--dns", "z"], ["DNS is not enabled", "--dns", "1.1.1.1", "--disable-dns"],
    ["conflicts with a valid network mode", "host"], ["names must match", "a/b"],
  ]) expect(refused(...words as string[])).toContain(complaint as string);
  expect(create("--ignore", "one")).toBe("one");
});

test("containers.conf chooses the pools that subnets come from", () => {
  const conf = join(worldFolder(), "tmp", "pools.conf");
  writeFileSync(conf, '[network]\ndefault_subnet_pools = [{base = "10.70.0.0/23", size = 24}]\n');
  const env = { CONTAINERS_CONF: conf };
  for (const name of ["p1", "p2"]) mustRun(["podman", "network", "create", name], { env });
  expect([inspect("p1").subnets[0].subnet, inspect("p2").subnets[0].subnet]).toEqual(["10.70.0.0/24", "10.70.1.0/24"]);
  expect(run(["podman", "network", "create", "p3"], { env }).err).toContain("could not find free subnet from subnet pools");
});

test("ls filters by name, ID, driver, label, age and use, and formats", () => {
  create("--label", "x=1", "alpha");
  create("--label", "y=2", "beta");
  daemon("c", "--network", "alpha");
  const names = (...filters: string[]) => ok("network", "ls", "-q", ...filters.flatMap(filter => ["--filter", filter])).split("\n").filter(Boolean);
  expect(names()).toEqual(["alpha", "beta", "podman"]);
  expect(names("name=alp")).toEqual(["alpha"]);
  expect(names("name=alp", "name=^bet")).toEqual(["alpha", "beta"]);
  expect(names(`id=${inspect("beta").id.slice(0, 12)}`)).toEqual(["beta"]);
  expect(names("driver=bridge", "label=x")).toEqual(["alpha"]);
  expect(names("label=x=2")).toEqual([]);
  expect(names("label!=x")).toEqual(["beta", "podman"]);
  expect(names("dangling=true")).toEqual(["beta", "podman"]);
  expect(names("until=1h")).toEqual([]);
  expect(podman("network", "ls", "--filter", "colour=red").err).toContain('invalid filter "colour"');
  expect(ok("network", "ls").split("\n")[0]!.split(/  +/)).toEqual(["NETWORK ID", "NAME", "DRIVER"]);
  expect(ok("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Labels}}", "--filter", "name=alpha")).toBe("alpha bridge x=1");
  expect(ok("network", "ls", "--no-trunc", "--format", "{{.ID}}", "--filter", "name=alpha")).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.parse(ok("network", "ls", "--format", "json"))).toHaveLength(3);
  expect(podman("network", "exists", "alpha").status).toBe(0);
  expect(podman("network", "exists", "gamma").status).toBe(1);
  expect(podman("network", "rm", "alpha")).toMatchObject({ status: 2, err: expect.stringContaining("network is being used") });
  expect(ok("network", "prune", "-f", "--filter", "label!=y")).toBe("");
  expect(ok("network", "prune", "-f")).toBe("beta");
  ok("network", "rm", "-f", "-t", "0", "alpha");
  expect(ok("ps", "-aq")).toBe("");
});

test("run --network takes several networks, each with addresses, MAC, aliases and an interface name", () => {
  create("--subnet", "10.51.0.0/24", "n1");
  create("--subnet", "10.52.0.0/24", "--ipv6", "n2");
  daemon("c", "--network", "n1:ip=10.51.0.77,mac=92:d0:c6:0a:29:33,alias=web,alias=www,interface_name=lan0", "--network", "n2");
  expect(ok("exec", "c", "cat", "/sys/class/net/lan0/address")).toBe("92:d0:c6:0a:29:33");
  expect(ok("exec", "c", "ip", "-4", "-o", "addr", "show", "lan0")).toContain("10.51.0.77/24");
  expect(ok("exec", "c", "ip", "-o", "addr", "show", "eth1")).toMatch(/inet6 fd/);
  expect(ok("run", "--rm", "--network", "n1", IMAGE, "nslookup", "www").replaceAll("\t", " ")).toContain("10.51.0.77");
  expect(JSON.parse(ok("inspect", "c"))[0].NetworkSettings.Networks).toMatchObject({ n1: { IPAddress: "10.51.0.77", MacAddress: "92:d0:c6:0a:29:33" }, n2: { IPAddress: "10.52.0.2" } });
  expect(inspect("n1").containers[ok("inspect", "--format", "{{.Id}}", "c")]).toMatchObject({ name: "c", interfaces: { lan0: { subnets: [{ ipnet: "10.51.0.77/24", gateway: "10.51.0.1" }] } } });
  expect(podman("run", "--rm", "--network", "n1:ip=10.99.0.1", IMAGE, "true").err).toContain("requested static ip 10.99.0.1 not in any subnet on network n1");
  expect(podman("run", "--rm", "--network", "n1:ip=10.51.0.77", IMAGE, "true").err).toContain("already allocated");
});

test("connect and disconnect work on a container that runs, with names, addresses and /etc following", async () => {
  create("--subnet", "10.51.0.0/24", "n1");
  create("--subnet", "10.52.0.0/24", "n2");
  const id = daemon("c", "--network", "n1");
  ok("exec", "c", "sh", "-c", "echo 1.2.3.4 mine >> /etc/hosts");
  ok("network", "connect", "--ip", "10.52.0.44", "--alias", "late", "--mac-address", "92:d0:c6:0a:29:44", "n2", "c");
  expect(ok("exec", "c", "ip", "-4", "-o", "addr", "show", "eth1")).toContain("10.52.0.44/24");
  expect(ok("exec", "c", "cat", "/etc/hosts")).toMatch(/1\.2\.3\.4 mine[^]*10\.52\.0\.44\s+\w+ c/);
  expect(ok("exec", "c", "cat", "/etc/resolv.conf")).toContain("nameserver 10.52.0.1");
  expect(ok("run", "--rm", "--network", "n2", IMAGE, "nslookup", "late").replaceAll("\t", " ")).toContain("10.52.0.44");
  expect(podman("network", "connect", "n2", "c").err).toContain("is already connected to network n2: network is already connected");
  ok("network", "disconnect", "n1", "c");
  expect(ok("exec", "c", "ls", "/sys/class/net")).toMatch(/^eth1\s+lo$/);
  const hosts = ok("exec", "c", "cat", "/etc/hosts");
  expect(hosts).not.toContain("10.51.0.");
  expect(hosts).toContain("1.2.3.4 mine");
  expect(podman("network", "disconnect", "n1", "c").err).toContain("container c is not connected to network n1");
  ok("network", "connect", "n1", "c");
  expect(ok("exec", "c", "ip", "-4", "-o", "addr", "show", "eth0")).toContain("10.51.0.");
  ok("restart", "-t", "0", "c");
  expect(ok("exec", "c", "ip", "-4", "-o", "addr", "show", "eth1")).toContain("10.52.0.44/24");
  ok("network", "disconnect", "n1", "c");
  ok("network", "disconnect", "-f", "n2", "c");
  expect(ok("exec", "c", "ls", "/sys/class/net")).toBe("lo");
  const events = readFileSync("/run/containers/coracle/events.log", "utf8").trim().split("\n").map(line => JSON.parse(line)).filter(({ Type, ID }) => Type === "network" && ID === id);
  expect(events.map(({ Status, network }) => `${Status} ${network}`)).toEqual(["connect n2", "disconnect n1", "connect n1", "disconnect n1", "disconnect n2"]);
});

test("connect and disconnect of a stopped container count at its next start; modes without networks are refused", () => {
  create("--subnet", "10.51.0.0/24", "n1");
  ok("create", "--name", "c", IMAGE, "ip", "-4", "-o", "addr");
  ok("network", "connect", "--ip", "10.51.0.9", "n1", "c");
  ok("network", "disconnect", "podman", "c");
  expect(ok("start", "-a", "c")).toContain("10.51.0.9/24");
  daemon("h", "--network", "host");
  expect(podman("network", "connect", "n1", "h").err).toContain('"host" is not supported: invalid network mode');
  expect(podman("network", "disconnect", "n1", "h").err).toContain("invalid network mode");
  expect(podman("network", "connect", "nosuch", "c").err).toContain("network not found");
  expect(podman("network", "connect", "n1", "nosuch").status).toBe(125);
});

test("a failed connect leaves the container as it was", () => {
  create("--subnet", "10.51.0.0/24", "n1");
  daemon("c");
  expect(podman("network", "connect", "--ip", "10.99.0.1", "n1", "c").status).not.toBe(0);
  expect(ok("exec", "c", "ls", "/sys/class/net")).toMatch(/^eth0\s+lo$/);
  expect(Object.keys(JSON.parse(ok("inspect", "c"))[0].NetworkSettings.Networks)).toEqual(["podman"]);
});

test("reload brings flushed rules back, with the same addresses", async () => {
  daemon("c", "-p", "127.0.0.1:8087:80");
  const seen = ok("inspect", "--format", "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}}", "c");
  const hasRules = () => (run(["nft", "list", "ruleset"]).out + run(["iptables", "-t", "nat", "-S"]).out).includes("8087");
  expect(hasRules()).toBe(true);
  run(["nft", "flush", "ruleset"]);
  run(["iptables", "-t", "nat", "-F"]);
  expect(hasRules()).toBe(false);
  expect(ok("network", "reload", "c")).toMatch(/^[0-9a-f]{64}$/);
  expect(hasRules()).toBe(true);
  expect(ok("inspect", "--format", "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}}", "c")).toBe(seen);
  expect(ok("network", "reload", "--all")).toBe(ok("inspect", "--format", "{{.Id}}", "c"));
  ok("stop", "-t", "0", "c");
  expect(podman("network", "reload", "c").err).toContain("network is not configured, refusing to reload");
  expect(podman("network", "reload").status).toBe(125);
});

test("update adds and drops DNS servers", () => {
  create("--dns", "127.1.1.1", "n1");
  daemon("c", "--network", "n1");
  expect(ok("network", "update", "--dns-add", "8.8.8.8", "--dns-drop", "127.1.1.1", "n1")).toBe("n1");
  expect(inspect("n1").network_dns_servers).toEqual(["8.8.8.8"]);
  expect(podman("network", "update", "--dns-add", "x", "n1").err).toContain("unable to parse ip x specified in AddDNSServer");
  expect(podman("network", "update", "--dns-add", "1.1.1.1", "nosuch").err).toContain("network not found");
});

test("a published port is held for as long as the container runs", async () => {
  daemon("c", "-p", "127.0.0.1:8086:80", "-p", "127.0.0.1:8086:80/udp");
  expect(() => Bun.listen({ hostname: "127.0.0.1", port: 8086, socket: { data() {} } })).toThrow();
  expect(run(["bash", "-c", "cat /proc/net/udp"]).out).toContain("0100007F:1F96");
  ok("restart", "-t", "0", "c");
  ok("rm", "-f", "-t", "0", "c");
  await until("the port to be free", () => {
    try {
      Bun.listen({ hostname: "127.0.0.1", port: 8086, socket: { data() {} } }).stop(true);
      return true;
    } catch {
      return false;
    }
  });
});
