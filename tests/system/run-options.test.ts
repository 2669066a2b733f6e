// Options of run beside the everyday ones: accounts, hooks, systemd's wishes, containers.conf's mounts; and those refused by name.

import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const once = (...words: string[]): string => ok("run", "--rm", "--network", "none", ...words);

test("a user that the image does not know gets a line of its own, unless told not to", () => {
  const passwd = once("--user", "1234:5678", "-w", "/tmp", IMAGE, "cat", "/etc/passwd", "/etc/group");
  expect(passwd).toContain("1234:*:1234:5678:container user:/tmp:/bin/sh");
  expect(passwd).toContain("5678:x:5678:1234");
  expect(once("--user", "1234", "--passwd=false", IMAGE, "cat", "/etc/passwd")).not.toContain("1234");
  expect(once("--user", "0", IMAGE, "cat", "/etc/passwd")).not.toContain("container user");
  expect(once("--user", "77", "--passwd-entry", "me:*:$UID:$GID::$HOME:/bin/false", IMAGE, "cat", "/etc/passwd")).toContain("me:*:77:0::/:/bin/false");
  expect(once("--user", "77:88", "--group-entry", "we:x:$GID:me", IMAGE, "cat", "/etc/group")).toContain("we:x:88:me");
});

test("--hostuser brings the host's line, and refuses a user the host does not have", () => {
  expect(once("--hostuser", "daemon", IMAGE, "cat", "/etc/passwd")).toContain("daemon:");
  expect(podman("run", "--rm", "--hostuser", "nobody-at-all", IMAGE, "true").err).toContain("not found on the host");
});

test("hooks run at their stages where their conditions hold", () => {
  mkdirSync(`${tmpdir()}/hooks`, { recursive: true });
  writeFileSync(`${tmpdir()}/hooks/hook.sh`, `#!/bin/sh\ncat >/dev/null\necho ran >>${tmpdir()}/hooks/log\n`);
  chmodSync(`${tmpdir()}/hooks/hook.sh`, 0o755);
  const hook = (when: object): void => writeFileSync(`${tmpdir()}/hooks/a.json`, JSON.stringify({ version: "1.0.0", hook: { path: `${tmpdir()}/hooks/hook.sh` }, when, stages: ["prestart", "poststop"] }));
  hook({ annotations: { "^wanted$": "yes" } });
  const withHooks = (...words: string[]) => run(["podman", "--hooks-dir", `${tmpdir()}/hooks`, "run", "--rm", "--network", "none", ...words]);
  expect(withHooks(IMAGE, "true").status).toBe(0);
  expect(withHooks("--annotation", "wanted=yes", IMAGE, "true").status).toBe(0);
  expect(readFileSync(`${tmpdir()}/hooks/log`, "utf8")).toBe("ran\nran\n");
  writeFileSync(`${tmpdir()}/hooks/a.json`, "{\"version\": \"9\"}");
  expect(withHooks(IMAGE, "true").err).toContain("unrecognized hook version");
});

test("a hook that ends without reading what it is told does not stop the start, and one that reads gets it whole", () => {
  const folder = newFolder("slow");
  // crun writes late to its hooks, so that they have ended by then; it would be killed by SIGPIPE.
  writeFileSync(`${folder}/crun`, `#!/bin/bash\ncase " $* " in *" start "*) exec strace -f -qq -o /dev/null -e trace=write -e inject=write:delay_enter=200000 crun "$@";; esac\nexec crun "$@"\n`, { mode: 0o755 });
  const hook = (name: string, path: string, args: string[]): void => writeFileSync(`${folder}/${name}.json`, JSON.stringify({
    version: "1.0.0", hook: { path, args, env: ["ONE=1"] }, when: { always: true }, stages: ["poststart"],
  }));
  hook("a", "/bin/true", ["true"]);
  hook("b", "/bin/sh", ["sh", "-c", `{ cat; echo; env; echo "$0 $1"; } >${folder}/said`, "a b", "c"]);
  ok("--runtime", `${folder}/crun`, "--hooks-dir", folder, "run", "--rm", "--network", "none", "--annotation", `long=${"x".repeat(100_000)}`, IMAGE, "true");
  const [state, ...rest] = readFileSync(`${folder}/said`, "utf8").trim().split("\n");
  expect(JSON.parse(state!).annotations.long).toHaveLength(100_000);
  expect(rest.filter(line => line !== "" && !/^(PWD|_|SHLVL)=/.test(line))).toEqual(["ONE=1", "a b c"]);
});

test("--systemd=always gives what an init needs", () => {
  const shown = once("--systemd", "always", "--shm-size-systemd", "1m", IMAGE, "sh", "-c", "grep -c ' /run tmpfs' /proc/mounts; grep ' /run tmpfs' /proc/mounts; echo $container_uuid");
  expect(shown.split("\n")[0]).toBe("1");
  expect(shown).toContain("size=1024k");
  expect(shown).toMatch(/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}/);
  const id = ok("create", "--systemd", "always", IMAGE, "true");
  expect(ok("inspect", "--format", "{{.Config.StopSignal}} {{.Config.SystemdMode}}", id)).toBe("SIGRTMIN+3 true");
  expect(podman("create", "--systemd", "perhaps", IMAGE).status).toBe(125);
});

test("containers.conf's mounts are taken, and the person's own for the same place win", () => {
  writeFileSync(`${tmpdir()}/one`, "one");
  writeFileSync(`${tmpdir()}/two`, "two");
  writeFileSync(`${tmpdir()}/mounts.conf`, `[containers]\nmounts=["type=bind,src=${tmpdir()}/one,destination=/there,ro"]\n`);
  const env = { CONTAINERS_CONF_OVERRIDE: `${tmpdir()}/mounts.conf` };
  const there = (...words: string[]) => run(["podman", "run", "--rm", "--network", "none", ...words, IMAGE, "cat", "/there"], { env }).out;
  expect(there()).toBe("one");
  expect(there("--mount", `type=bind,src=${tmpdir()}/two,destination=/there`)).toBe("two");
  writeFileSync(`${tmpdir()}/mounts.conf`, '[containers]\nmounts=["type=bogus,destination=/there"]\n');
  expect(run(["podman", "run", "--rm", IMAGE, "true"], { env }).err).toContain('parsing containers.conf mounts: invalid filesystem type "bogus"');
});

test("--chrootdirs has the files of /etc in the other root too", () => {
  expect(once("--hostname", "twice", "--chrootdirs", "/tmp", IMAGE, "cat", "/tmp/etc/hostname")).toBe("twice");
});

for (const [option, value] of [["--pod", "p"], ["--pod-id-file", "/tmp/x"], ["--storage-opt", "size=1g"]] as const) {
  test(`${option} is refused by name, not passed over`, () => {
    const ran = podman("run", option, value, IMAGE, "true");
    expect(ran.status).toBe(125);
    expect(ran.err).toContain(`cannot use ${option} with "podman run"`);
  });
}

for (const [option, value] of [["--sdnotify", "loudly"], ["--seccomp-policy", "maybe"]] as const) {
  test(`a wrong value of ${option} is refused`, () => {
    expect(podman("run", option, value, IMAGE, "true").status).toBe(125);
  });
}

test("rm --force takes a paused container", () => {
  ok("run", "-d", "--network", "none", "--name", "frozen", IMAGE, "sleep", "100");
  ok("pause", "frozen");
  expect(podman("rm", "frozen").status).toBe(2);
  ok("rm", "-f", "-t", "0", "frozen");
});

test("a --module is found by path, lists go on once told to append, and a lost one is named", () => {
  writeFileSync(`${tmpdir()}/m1.conf`, '[containers]\nenv=["A=1",{append=true}]\n');
  writeFileSync(`${tmpdir()}/m2.conf`, '[containers]\nenv=["B=2"]\n');
  expect(run(["podman", "--module", `${tmpdir()}/m1.conf`, "--module", `${tmpdir()}/m2.conf`, "run", "--rm", "--network", "none", IMAGE, "sh", "-c", "echo $A$B"]).out).toBe("12\n");
  const lost = run(["podman", "--module", "/no/such.conf", "ps"]);
  expect(lost.status).toBe(1);
  expect(lost.err).toContain('could not resolve module "/no/such.conf"');
});

for (const words of [["--seccomp-policy", "image"]]) {
  test(`run ${words.join(" ")} is refused by name, as it is not built yet`, () => {
    const ran = podman("run", "--rm", ...words, IMAGE, "true");
    expect([ran.status, /^Error: cannot take the seccomp profile/.test(ran.err)]).toEqual([125, true]);
  });
}

test("no-dereference mounts a link as the link it is, whose target is then the image's", () => {
  const folder = newFolder("links");
  writeFileSync(`${folder}/data`, "of the host\n");
  symlinkSync("data", `${folder}/link`);
  const show = ["sh", "-c", "readlink /mnt/link; cat /mnt/link"];
  expect(once("--mount", `type=bind,src=${folder}/link,dst=/mnt/link`, IMAGE, ...show)).toBe("of the host");
  const kept = ["--mount", `type=bind,src=${folder}/link,dst=/mnt/link,no-dereference`];
  expect(once("--mount", `type=bind,src=${folder}/data,dst=/mnt/data`, ...kept, IMAGE, ...show)).toBe("data\nof the host");
  expect(podman("run", "--rm", "-v", `${folder}:/mnt`, ...kept, IMAGE, "true").err).toContain('the mount at "/mnt" lies over it');
  expect(podman("run", "--rm", "--mount", `type=bind,src=${folder}/link,dst=/etc/passwd,no-dereference`, IMAGE, "true").err).toContain("the image has something else there");
  symlinkSync("/etc/shadow", `${folder}/out`);
  expect(once("--mount", `type=bind,src=${folder}/out,dst=/new/deep/link,no-dereference`, IMAGE, "readlink", "/new/deep/link")).toBe("/etc/shadow");
});

test("who mounts a /dev of the host's has the host's terminals in it, and shared memory of its own", () => {
  const host = ["sh", "-c", "ls /dev/pts | wc -l; stat -c %i /dev/pts; ls /dev/shm"];
  const [, inode] = run(["bash", "-c", "ls /dev/pts | wc -l; stat -c %i /dev/pts"]).out.split("\n");
  writeFileSync("/dev/shm/of-the-host", "x");
  const [, seen, shm] = once("-v", "/dev:/dev", IMAGE, ...host).split("\n");
  expect([seen, shm]).toEqual([inode, undefined]);
});

test("conmon has our environment, but nothing that could steer a program of ours", () => {
  const id = mustRun(["podman", "run", "-d", "--network", "none", IMAGE, "sleep", "100"], { env: { MY_OWN_WORD: "here", BUN_OPTIONS: "--nonsense", DBUS_SESSION_BUS_ADDRESS: "unix:path=/x" } });
  const environment = readFileSync(`/proc/${ok("inspect", "--format", "{{.State.ConmonPid}}", id)}/environ`, "latin1").split("\0");
  expect(environment).toContain("MY_OWN_WORD=here");
  expect(environment.filter(line => /^(BUN_|DBUS_SESSION)/.test(line))).toEqual([]);
  ok("rm", "-f", "-t0", id);
});

test("a container's size counts what it wrote and what is kept for it", () => {
  ok("run", "--network", "none", "--name", "sized", IMAGE, "sh", "-c", "head -c 100000 /dev/zero > /written");
  const [{ SizeRw }] = JSON.parse(ok("inspect", "-s", "sized"));
  expect(SizeRw).toBeGreaterThan(100_000);
  expect(SizeRw).toBeLessThan(200_000);
  expect(JSON.parse(ok("system", "df", "--format", "json"))[1].RawSize).toBeGreaterThanOrEqual(SizeRw);
  ok("rm", "sized");
});
