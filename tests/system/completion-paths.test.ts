// Completing words that name things inside images and containers, and on this host.

import { expect, test } from "bun:test";
import { ok } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const words = (...line: string[]): string[] => ok("__completeNoDesc", ...line).split("\n").filter((word) => !word.startsWith(":") && !word.startsWith("Completion ended"));

test("run completes paths in the image, and never those of the host", () => {
  expect(words("run", IMAGE, "/etc/pass")).toEqual(["/etc/passwd"]);
  expect(words("run", IMAGE, "/et")).toEqual(["/etc/"]);
  expect(words("run", IMAGE, "/etc")).toContain("/etc/passwd");
  expect(words("run", IMAGE, "../../et")).toEqual(["../../etc/"]);
  expect(words("run", IMAGE, "/no-such/")).toEqual([]);
});

test("cp completes containers and the paths in them", () => {
  ok("run", "--network", "none", "--name", "full", IMAGE, "sh", "-c", "mkdir /made; touch /made/file-one /made/file-two");
  expect(words("cp", "fu")).toEqual(["full:"]);
  expect(words("cp", "full:/made/fi")).toEqual(["full:/made/file-one", "full:/made/file-two"]);
});

test("keys of sysctl and interfaces are completed", () => {
  expect(words("run", "--sysctl", "net.ipv4.ip_forw")).toContain("net.ipv4.ip_forward");
  expect(words("network", "create", "--interface-name", "l")).toContain("lo");
});
