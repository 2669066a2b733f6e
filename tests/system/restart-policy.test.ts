// Restart policies: what comes back by itself, how often, and what stays down.

import { expect, test } from "bun:test";
import { ok, podman, run, shell, until } from "../fixtures/coracle.ts";
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

/** All processes gone, run directory and mounts lost, as after the power came back. */
function reboot(names: readonly string[]): void {
  const pids = names.flatMap(name => ok("inspect", "--format", "{{.State.ConmonPid}} {{.State.Pid}}", name).split(" ")).filter(pid => pid !== "0");
  run(["kill", "-9", ...run(["pgrep", "-f", "container cleanup|health-timer"]).out.trim().split("\n").filter(Boolean), ...pids]);
  run(["bash", "-c", "grep -oE ' /(var/lib|run)/containers/[^ ]+' /proc/self/mountinfo | xargs -r umount -l; rm -rf /run/containers/* /run/crun /run/netns/*"]);
}

test("after a reboot the line for boot brings back always and unless-stopped, but not what a person had stopped", async () => {
  const made: readonly (readonly [string, readonly string[]])[] = [
    ["always", ["--restart", "always"]], ["unless", ["--restart", "unless-stopped", "--health-cmd", "true", "--health-interval", "200ms"]], ["halted", ["--restart", "unless-stopped"]],
    ["halted-always", ["--restart", "always"]], ["failing", ["--restart", "on-failure"]], ["plain", []],
  ];
  for (const [name, words] of made) ok("run", "-d", "--network", "none", "--name", name, ...words, IMAGE, "sleep", "1000");
  ok("stop", "-t", "0", "halted", "halted-always");
  const names = made.map(([name]) => name);
  reboot(names);
  const states = (): string[] => names.map(name => ok("inspect", "--format", "{{.Name}} {{.State.Status}}", name));
  expect(states()).toEqual(names.map(name => `${name} exited`));
  const line = ok("system", "service-install", "--by", "cron", "--dry-run").split("\n").find(one => one.includes("should-start-on-boot=true"))!.replace(/^@reboot (root )?/, "");
  expect(shell(line).status).toBe(0);
  const up = ["always", "unless", "halted-always"];
  expect(states()).toEqual(names.map(name => `${name} ${up.includes(name) ? "running" : "exited"}`));
  await until("health checks to go on", () => ok("inspect", "--format", "{{.State.Health.Status}}", "unless") === "healthy");
  const pid = pidOf("unless");
  process.kill(pid, "SIGKILL");
  await until("the policy to go on", () => again("unless", pid));
  ok("rm", "-f", "-t", "0", "-a");
});
