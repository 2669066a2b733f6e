// podman attach and start --attach: streams, detach keys, signals.
// Source: podman-attach(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { begin, ok, onTerminal, podman, run, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("detach keys leave the container running, and attach comes back to it", async () => {
  const first = onTerminal(["podman", "run", "-it", "--network", "none", "--name", "t", IMAGE, "sh"]);
  await first.see(/# /);
  first.type("X=kept\n");
  await first.see(/# /);
  first.type("\x10");
  await Bun.sleep(100);
  first.type("\x11");
  expect(await first.end()).toBe(0);
  expect(ok("inspect", "--format", "{{.State.Running}}", "t")).toBe("true");
  const second = onTerminal(["podman", "attach", "--detach-keys", "ctrl-a,b", "t"]);
  second.type("\necho $X-$((1+1))\n");
  await second.see(/kept-2/);
  second.type("\x01");
  await Bun.sleep(100);
  second.type("b");
  expect(await second.end()).toBe(0);
  const third = onTerminal(["podman", "attach", "t"]);
  third.type("\nexit 12\n");
  await third.end();
  expect(ok("wait", "t")).toBe("12");
});

test("attach shows what is said from now on and ends with it", async () => {
  ok("run", "-d", "--network", "none", "--name", "a", IMAGE, "sh", "-c", "sleep 1; echo late; exit 4");
  const attached = begin(["podman", "attach", "a"]);
  expect(await attached.exited).toBe(0);
  expect(attached.out()).toContain("late\n");
});

test("start --attach --interactive takes stdin", () => {
  ok("create", "-i", "--network", "none", "--name", "i", IMAGE, "cat");
  expect(run(["podman", "start", "-ai", "i"], { input: "words\n" }).out).toBe("words\n");
});

test("attaching to what does not run is refused", async () => {
  ok("create", "--network", "none", "--name", "c", IMAGE);
  const ran = podman("attach", "c");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/you can only attach to running containers/);
  await until("nothing to run", () => ok("ps", "-q") === "");
});
