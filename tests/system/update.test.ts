// update and clone: limits, health checks and policies of containers that are there.
// Worlds: root, user.

import { expect, test } from "bun:test";
import { world } from "../fixtures/caller.ts";
import { begin, ok, podman } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const inspect = (name: string, format: string): string => ok("inspect", "--format", format, name);

test.if(world === "root")("limits reach the running container and stay, others are left alone", () => {
  ok("run", "-d", "--network", "none", "--name", "limited", "--pids-limit", "100", IMAGE, "sleep", "100");
  ok("update", "--memory", "64m", "--cpus", "0.5", "limited");
  expect(inspect("limited", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuQuota}}")).toBe("67108864 100 50000");
  const shown = podman("exec", "limited", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null");
  expect(shown.out.trim()).toBe("67108864");
  expect(podman("update", "--device-read-bps", "/dev/zero:1mb", "limited").err).toContain("/dev/zero: not a block device");
  ok("rm", "-f", "-t", "0", "limited");
});

test("the policy, the environment and ulimits are the next start's", () => {
  ok("create", "--network", "none", "--name", "policy", "--env", "OLD=1", IMAGE, "sh", "-c", "echo $OLD-$NEW; ulimit -n");
  ok("update", "--restart", "on-failure:2", "--env", "NEW=2", "--unsetenv", "OLD", "--ulimit", "nofile=123:456", "policy");
  expect(inspect("policy", "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}")).toBe("on-failure 2");
  expect(ok("start", "--attach", "policy")).toBe("-2\n123");
  ok("rm", "policy");
});

test("health checks are changed, added and taken away", () => {
  ok("run", "-d", "--network", "none", "--name", "healthy", IMAGE, "sleep", "100");
  expect(podman("update", "--health-interval", "10s", "healthy").err).toContain("healthcheck command is not set");
  ok("update", "--health-cmd", "echo hi", "--health-interval", "disable", "healthy");
  expect(podman("healthcheck", "run", "healthy").status).toBe(0);
  ok("update", "--health-retries", "7", "healthy");
  expect(inspect("healthy", "{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Retries}} {{.Config.Healthcheck.Timeout}}")).toBe("[CMD-SHELL echo hi] 7 30s");
  ok("update", "--no-healthcheck", "healthy");
  expect(podman("healthcheck", "run", "healthy").err).toContain("has no defined healthcheck");
  ok("rm", "-f", "-t", "0", "healthy");
});

test.if(world === "root")("a clone has the settings, a name of its own, and limits where they were given", () => {
  ok("create", "--name", "mother", "--env", "A=b", "--label", "x=y", "--memory", "64m", IMAGE, "sh", "-c", "echo $A");
  const id = ok("container", "clone", "--memory", "128m", "mother");
  expect(inspect(id, "{{.Name}} {{.HostConfig.Memory}} {{.Config.Labels.x}}")).toBe("mother-clone 134217728 y");
  expect(ok("start", "--attach", "mother-clone")).toBe("b");
  const second = ok("container", "clone", "--run", "mother", "daughter");
  expect(inspect(second, "{{.Name}}")).toBe("daughter");
  ok("container", "clone", "--destroy", "mother", "heir");
  expect(podman("container", "exists", "mother").status).toBe(1);
  expect(podman("container", "clone", "--force", "heir").err).toContain("cannot set --force without --destroy");
  ok("rm", "-f", "-t", "0", "-a");
});

test("names that are chosen for many at once are all different", async () => {
  ok("create", "--network", "none", "--name", "mother", IMAGE, "true");
  const clones = Array.from({ length: 20 }, () => begin(["podman", "container", "clone", "mother"]));
  expect(await Promise.all(clones.map(async clone => `${await clone.exited}${clone.err()}`))).toEqual(clones.map(() => "0"));
  const names = ok("ps", "-a", "--format", "{{.Names}}").split("\n").sort();
  expect(names).toEqual(["mother", "mother-clone", ...Array.from({ length: 19 }, (_, number) => `mother-clone${number + 1}`)].sort());
});
