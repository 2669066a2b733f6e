// Restart policies: what comes back by itself, how often, and what stays down.

import { expect, test } from "bun:test";
import { ok, podman, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const pidOf = (name: string): number => Number(ok("inspect", "--format", "{{.State.Pid}}", name));
const again = (name: string, pid: number): boolean => ![0, pid].includes(pidOf(name));

for (const network of [["--network", "none"], ["-p", "18080:80"]]) {
  test(`always brings back a container whose process was killed, with ${network.join(" ")}`, async () => {
    ok("run", "-d", "--restart", "always", "--name", "back", ...network, IMAGE, "sleep", "1000");
    const pid = pidOf("back");
    process.kill(pid, "SIGKILL");
    await until("another process", () => again("back", pid));
    expect(ok("inspect", "--format", "{{.RestartCount}}", "back")).toBe("1");
    expect(ok("port", "back")).toBe(network[0] === "-p" ? "80/tcp -> 0.0.0.0:18080" : "");
    ok("rm", "-f", "-t", "0", "back");
  });
}

test("on-failure tries as often as it was told, and a person's stop is the end of all policies", async () => {
  ok("run", "-d", "--restart", "on-failure:2", "--network", "none", "--name", "fails", IMAGE, "sh", "-c", "exit 3");
  await until("the last try", () => ok("inspect", "--format", "{{.RestartCount}} {{.State.Status}}", "fails") === "2 exited");
  expect(ok("wait", "fails")).toBe("3");
  ok("run", "-d", "--restart", "unless-stopped", "--network", "none", "--name", "stopped", IMAGE, "sleep", "1000");
  ok("stop", "-t", "0", "stopped");
  await Bun.sleep(500);
  expect(ok("inspect", "--format", "{{.State.Status}} {{.RestartCount}}", "stopped")).toBe("exited 0");
  expect(podman("start", "--filter", "should-start-on-boot=true", "--all").out).toBe("");
});
