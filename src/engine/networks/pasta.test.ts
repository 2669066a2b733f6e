// What pasta is told.

import { expect, test } from "bun:test";
import { ownIpv4, ownIpv6, pastaArguments } from "./pasta.ts";

test("without ports everything is closed", () => {
  expect(pastaArguments([], [])).toEqual(["--config-net", "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--dns-forward", "169.254.1.1", "--no-map-gw", "--quiet"]);
});

test("ports are published with their address and range", () => {
  const args = pastaArguments([
    { hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80, range: 1, protocol: "tcp" },
    { hostIp: "", hostPort: 5000, containerPort: 6000, range: 3, protocol: "udp" },
  ], []);
  expect(args.slice(0, 5)).toEqual(["--config-net", "-t", "127.0.0.1/8080:80", "-u", "5000-5002:6000-6002"]);
  expect(args).not.toContain("none,none");
});

test("a person's own options win, and sctp is refused", () => {
  expect(pastaArguments([], ["--map-gw", "-T", "5000"])).toEqual(["--config-net", "-T", "5000", "-t", "none", "-u", "none", "-U", "none", "--dns-forward", "169.254.1.1", "--quiet"]);
  expect(() => pastaArguments([{ hostIp: "", hostPort: 1, containerPort: 1, range: 1, protocol: "sctp" }], [])).toThrow("sctp");
});

test("a namespace's own address is read from proc, and neither the loopback's nor a route's", () => {
  const trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 10.77.0.0/24 2 0 2\n        |-- 10.77.0.0\n           /24 link UNICAST\n        |-- 10.77.0.2\n           /32 host LOCAL\n"
    + "     +-- 127.0.0.0/8 2 0 2\n        |-- 127.0.0.1\n           /32 host LOCAL\n        |-- 127.255.255.255\n           /32 link BROADCAST\n";
  expect(ownIpv4(trie)).toBe("10.77.0.2/32");
  expect(ownIpv4(trie.replace(/ +\|-- 10.77.0.2\n.*\n/, ""))).toBeUndefined();
  expect(ownIpv4("")).toBeUndefined();
  const list = "fe800000000000000000000000000001 02 40 20 80     eth0\nfd000000000000000000000000000002 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n";
  expect(ownIpv6(list)).toBe("fd00::2/128");
  expect(ownIpv6(list.split("\n")[0]!)).toBeUndefined();
});
