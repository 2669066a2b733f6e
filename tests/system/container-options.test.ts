// Options of verbs for containers that other files do not have: exec, ps, logs, commit, and the maps of users of run and create.
// Source: podman-exec(1), podman-ps(1), podman-logs(1), podman-commit(1), podman-run(1).

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { begin, ok, onTerminal, podman, run, until } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { ownFile } from "../fixtures/user.ts";

withRegistry();

const sleeper = (name: string, ...words: string[]): string => ok("run", "-d", "--network", "none", "--stop-timeout", "0", "--name", name, ...words, IMAGE, "sleep", "100");
const write = (name: string, text: string): string => {
  const path = `${newFolder("options")}/${name}`;
  writeFileSync(path, text);
  return path;
};

test("exec: --env-file --privileged --preserve-fd --preserve-fds --user --workdir", () => {
  sleeper("one", "--cap-drop", "all");
  const file = write("env", "A=from file\n# no\nB=2\n");
  expect(ok("exec", "--env-file", file, "--env", "B=3", "one", "sh", "-c", "echo $A $B")).toBe("from file 3");
  expect(podman("exec", "--env-file", "/no/such", "one", "true").err).toContain("/no/such");
  const capabilities = (...words: string[]): bigint => BigInt(`0x${ok("exec", ...words, "one", "sh", "-c", "grep CapEff /proc/self/status").split(/\s+/)[1]}`);
  expect([capabilities(), capabilities("--privileged") > 0xffffffn]).toEqual([0n, true]);
  const kept = write("kept", "kept open");
  expect(run(["bash", "-c", `podman exec --preserve-fds 1 one cat /proc/self/fd/3 3<${kept}`]).out).toBe("kept open");
  expect(run(["bash", "-c", `podman exec --preserve-fd 5,7 one sh -c 'cat <&5; cat <&7' 5<${kept} 7<${kept}`]).out).toBe("kept openkept open");
  expect(run(["bash", "-c", `podman exec one sh -c 'cat <&5' 5<${kept}`]).status).not.toBe(0);
});

test("exec --detach-keys leaves a terminal and the program goes on", async () => {
  sleeper("one");
  const terminal = onTerminal(["podman", "exec", "-it", "--detach-keys", "ctrl-x,x", "one", "sh"]);
  terminal.type("echo here-$((40+2)); exec sleep 66\n");
  await terminal.see(/here-42/);
  terminal.type("\u0018x");
  expect(await terminal.end()).toBe(0);
  expect(ok("top", "one", "args")).toContain("sleep 66");
  expect(podman("exec", "-it", "--detach-keys", "ctrl-!", "one", "true").status).not.toBe(0);
});

test("exec --no-session leaves no session behind and tells nobody", async () => {
  sleeper("alone");
  const sessions = (): string => ok("inspect", "--format", "{{len .ExecIDs}}", "alone");
  const known = begin(["podman", "exec", "alone", "sleep", "2"]);
  await until("the session", () => sessions() === "1");
  await known.exited;
  const unknown = begin(["podman", "exec", "--no-session", "alone", "sh", "-c", "echo hidden; sleep 1; exit 6"]);
  await until("the program", () => unknown.out() === "hidden\n");
  expect(sessions()).toBe("0");
  expect(await unknown.exited).toBe(6);
  expect(ok("events", "--stream=false", "--filter", "event=exec", "--filter", "container=alone").split("\n").length).toBe(1);
  expect(podman("exec", "--no-session", "-d", "alone", "true").err).toContain("--no-session cannot be used with --detach or --detach-keys");
});

for (const verb of ["run", "create"]) {
  test(`${verb}: --gidmap --uidmap --subuidname --subgidname make the maps they say`, () => {
    const maps = (...words: string[]): string[] => {
      const show = ["sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map"];
      if (verb === "create") ok("create", "--network", "none", "--name", "mapped", ...words, IMAGE, ...show);
      const shown = verb === "run" ? ok("run", "--rm", "--network", "none", ...words, IMAGE, ...show) : ok("start", "--attach", "mapped");
      if (verb === "create") ok("rm", "mapped");
      return shown.split("\n").map(line => line.trim().replace(/\s+/g, ":"));
    };
    expect(maps("--uidmap", "0:200000:5000", "--gidmap", "0:300000:2000", "--gidmap", "2000:400000:3000")).toEqual(["0:200000:5000", "0:300000:2000", "2000:400000:3000"]);
    for (const file of ["/etc/subuid", "/etc/subgid"]) {
      ownFile(file);
      writeFileSync(file, "boats:500000:4000\n");
    }
    expect(maps("--subuidname", "boats", "--subgidname", "boats")).toEqual(["0:500000:4000", "0:500000:4000"]);
    expect(podman(verb, "--subgidname", "nobody-known", "--network", "none", IMAGE, "true").err).toContain("nobody-known");
    expect(podman(verb, "--uidmap", "0:1:2", "--gidmap", "x:1:2", "--network", "none", IMAGE, "true").status).toBe(125);
  });
}

test("ps --ns shows the namespaces, --sync asks the runtime", () => {
  sleeper("one");
  const pid = ok("inspect", "--format", "{{.State.Pid}}", "one");
  const shown = ok("ps", "--ns").split("\n");
  expect(shown[0]).toMatch(/^CONTAINER ID\s+NAMES\s+PID\s+CGROUPNS\s+IPC\s+MNT\s+NET\s+PIDNS\s+USERNS\s+UTS$/);
  const own = run(["readlink", `/proc/${pid}/ns/mnt`]).out.replace(/\D/g, "");
  expect(shown[1]!.split(/\s+/).slice(1, 3)).toEqual(["one", pid]);
  expect(shown[1]).toContain(own);
  // The monitor gone with its program: nobody writes down the end.
  run(["kill", "-9", ok("inspect", "--format", "{{.State.ConmonPid}}", "one")]);
  run(["kill", "-9", pid]);
  expect(ok("ps", "-a", "--sync", "--format", "{{.Names}} {{.State}}")).toBe("one exited");
});

test("logs --color gives each container a colour of its own, and only then", () => {
  ok("run", "--network", "none", "--name", "one", IMAGE, "echo", "first");
  ok("run", "--network", "none", "--name", "two", IMAGE, "echo", "second");
  const lines = ok("logs", "--color", "one", "two").split("\n");
  const colors = lines.map(line => /^\u001b\[(\d+)m/.exec(line)?.[1]);
  expect([lines.length, new Set(colors).size, colors.includes(undefined)]).toEqual([2, 2, false]);
  expect(lines.join()).toMatch(/first\u001b\[0m/);
  expect(ok("logs", "one")).toBe("first");
});

test("commit --include-volumes makes volumes of the image from those of the container", () => {
  ok("create", "--network", "none", "--name", "one", "-v", "named:/data", "-v", "/anonymous", IMAGE, "true");
  const volumes = (...words: string[]): string[] => Object.keys(JSON.parse(ok("image", "inspect", "--format", "{{json .Config.Volumes}}", ok("commit", "-q", ...words, "one"))) ?? {}).sort();
  expect(volumes("--include-volumes")).toEqual(["/anonymous", "/data"]);
  expect(volumes()).toEqual(["/anonymous"]);
  ok("rm", "-v", "one");
  ok("volume", "rm", "named");
});

test("network connect --ip6 gives the address", () => {
  ok("network", "create", "--ipv6", "--subnet", "fd00:98::/64", "six");
  ok("run", "-d", "--stop-timeout", "0", "--name", "one", IMAGE, "sleep", "100");
  ok("network", "connect", "--ip6", "fd00:98::9", "--alias", "nine", "six", "one");
  expect(ok("exec", "one", "ip", "-6", "addr")).toContain("fd00:98::9/64");
  expect(ok("inspect", "--format", "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}", "one")).toBe("fd00:98::9");
  expect(podman("network", "connect", "--ip6", "fd00:77::9", "six", "one").status).not.toBe(0);
  ok("rm", "-f", "-t0", "one");
  ok("network", "rm", "six");
});
