// What pasta is told.

import { expect, test } from "bun:test";
import { pastaArguments } from "./pasta.ts";

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
