// The texts of hosts and resolv.conf.

import { expect, test } from "bun:test";
import { hostsText, parseAddedHost, resolvText } from "./etc-files.ts";

const resolv = { base: "", servers: [], search: [], options: [], networkServers: [], networkSearch: [], sharesLoopback: false };

test("added hosts come first, own entries give way to names that are taken", () => {
  const text = hostsText({
    added: ["web;www:10.0.0.9"], base: "127.0.0.1 localhost # itself\n\n10.1.1.1\tc1\n", gateway: "10.88.0.1",
    own: [{ ip: "10.88.0.2", names: ["abc", "c1"] }],
  });
  expect(text).toBe("10.0.0.9\tweb www\n127.0.0.1\tlocalhost\n10.1.1.1\tc1\n10.88.0.1\thost.containers.internal host.docker.internal\n10.88.0.2\tabc\n");
});

test("host-gateway is the gateway, and refused without one", () => {
  expect(parseAddedHost("up:host-gateway", "10.88.0.1")).toEqual({ ip: "10.88.0.1", names: ["up"] });
  expect(() => parseAddedHost("up:host-gateway", undefined)).toThrow("host containers internal IP address is empty");
});

for (const text of ["nothing", ":1.2.3.4", "name:"]) {
  test(`${JSON.stringify(text)} is no host entry`, () => expect(() => parseAddedHost(text, undefined)).toThrow("incorrect format"));
}

test("the host's loopback servers are no use inside, unless its network is shared", () => {
  const base = "search example.com\nnameserver 127.0.0.1\nnameserver 10.0.0.53\noptions ndots:2\n";
  expect(resolvText({ ...resolv, base })).toBe("search example.com\nnameserver 10.0.0.53\noptions ndots:2\n");
  expect(resolvText({ ...resolv, base, sharesLoopback: true })).toContain("nameserver 127.0.0.1\nnameserver 10.0.0.53\n");
  expect(resolvText({ ...resolv, base: "nameserver ::1\n" })).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
});

test("a network's server comes instead of the host's, and . clears the search list", () => {
  const text = resolvText({ ...resolv, base: "search a.test\nnameserver 1.1.1.1\n", networkServers: ["10.89.0.1"], networkSearch: ["dns.podman"] });
  expect(text).toBe("search dns.podman a.test\nnameserver 10.89.0.1\n");
  expect(resolvText({ ...resolv, base: "search a.test\n", servers: ["9.9.9.9"], search: ["."] })).toBe("nameserver 9.9.9.9\n");
});
