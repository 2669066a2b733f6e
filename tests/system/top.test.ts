// podman top: the processes of a container, as ps and as descriptors show them.
// Source: podman-top(1).

import { expect, test } from "bun:test";
import { ok, podman } from "../fixtures/coracle.ts";
import { withRegistry } from "../fixtures/store.ts";

withRegistry(["ubi8"]);

test("the default columns, chosen columns and a container that does not run", () => {
  ok("run", "-d", "--network", "none", "--name", "t", "ubi8", "sleep", "100");
  const lines = ok("top", "t").split("\n");
  expect(lines[0]).toMatch(/^USER +PID +PPID +%CPU +ELAPSED +TTY +TIME +COMMAND/);
  expect(lines[1]).toMatch(/^root +1 +0 .*sleep 100/);
  expect(ok("top", "t", "user", "pid", "args").split("\n")[1]).toMatch(/^root +1 +sleep 100/);
  expect(podman("top", "t", "nosuchcolumn").status).toBe(125);
  ok("kill", "t");
  ok("wait", "t");
  expect(podman("top", "t").err).toMatch(/top can only be used on running containers/);
});
