// Secrets: create, list, inspect, remove; drivers; what a container sees of one and what nobody else does.
// Source: podman-secret(1), podman-run(1) "--secret".
// Worlds: root, user.

import { afterEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runRoot, storeRoot } from "../fixtures/caller.ts";
import { mustRun, ok, podman, run, shell } from "../fixtures/coracle.ts";
import { worldFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
afterEach(() => void run(["podman", "secret", "rm", "--all"]));

const file = (name: string, text: string): string => {
  const path = join(worldFolder(), "tmp", name);
  writeFileSync(path, text);
  return path;
};
const inspect = (name: string) => JSON.parse(ok("secret", "inspect", name))[0];
const store = `${storeRoot}/coracle`;

test("a secret is made from a file, standard input or a variable, and found by name, ID and prefix", () => {
  const id = ok("secret", "create", "one", file("one", "first"));
  expect(id).toMatch(/^[0-9a-f]{25}$/);
  mustRun(["podman", "secret", "create", "two", "-"], { input: "second" });
  mustRun(["podman", "secret", "create", "--env", "three", "THIRD"], { env: { THIRD: "third" } });
  const shown = ["one", id, id.slice(0, 6), "two", "three"].map(name => ok("secret", "inspect", "--showsecret", "--format", "{{.SecretData}}", name));
  expect(shown).toEqual(["first", "first", "first", "second", "third"]);
  expect(ok("secret", "ls", "--format", "{{.Name}}").split("\n")).toEqual(["one", "two", "three"]);
  expect(podman("secret", "exists", "one").status).toBe(0);
  expect(podman("secret", "exists", "four").status).toBe(1);
});

test("wrong names, sizes, sources and a name in use are refused", () => {
  ok("secret", "create", "taken", file("s", "x"));
  expect(podman("secret", "create", "taken", file("s", "x"))).toMatchObject({ status: 125, err: expect.stringContaining("taken: secret name in use") });
  for (const name of ["a/b", "a,b", "a=b", "", "n".repeat(254)]) {
    expect(podman("secret", "create", name, file("s", "x"))).toMatchObject({ status: 125, err: expect.stringContaining("invalid secret name") });
  }
  expect(podman("secret", "create", "empty", file("empty", "")).err).toContain("secret data must be larger than 0 and less than 512000 bytes");
  expect(podman("secret", "create", "big", file("big", "x".repeat(512_000))).err).toContain("secret data must be larger than 0 and less than 512000 bytes");
  expect(podman("secret", "create", "--env", "e", "NO_SUCH_VARIABLE").err).toContain("environment variable NO_SUCH_VARIABLE is not set");
  expect(podman("secret", "create", "f", "/no/such/file").err).toContain("open /no/such/file: no such file or directory");
  expect(podman("secret", "create", "--driver", "nosuch", "d", file("s", "x")).err).toContain("invalid driver");
  expect(ok("secret", "ls", "--quiet").split("\n")).toHaveLength(1);
});

test("--replace gives a new ID and value and keeps the day of birth, --ignore answers the old one", () => {
  const before = ok("secret", "create", "-l", "a=b", "s", file("s", "old"));
  const { CreatedAt } = inspect("s");
  expect(ok("secret", "create", "--ignore", "s", file("s", "new"))).toBe(before);
  const after = ok("secret", "create", "--replace", "--label", "c=d", "s", file("s", "new"));
  expect(after).not.toBe(before);
  expect(inspect("s")).toMatchObject({ ID: after, CreatedAt, Spec: { Name: "s", Driver: { Name: "file" }, Labels: { c: "d" } } });
  expect(inspect("s").SecretData).toBeUndefined();
  expect(ok("secret", "inspect", "--showsecret", "--format", "{{.SecretData}}", "s")).toBe("new");
  expect(readdirSync(`${store}/secrets/filedriver`)).toEqual([after]);
  expect(podman("secret", "create", "--replace", "--ignore", "s", file("s", "new")).err).toContain("cannot use --ignore and --replace flags together");
});

test("the file driver's files are the owner's alone", () => {
  const id = ok("secret", "create", "s", file("s", "x"));
  expect(statSync(`${store}/secrets/filedriver/${id}`).mode & 0o777).toBe(0o600);
  expect(statSync(`${store}/secrets/filedriver`).mode & 0o777).toBe(0o700);
  const other = join(worldFolder(), "tmp", "elsewhere");
  const there = ok("secret", "create", "--driver-opts", `path=${other}`, "t", file("s", "y"));
  expect(readFileSync(`${other}/${there}`, "utf8")).toBe("y");
});

test("ls has headings, filters and formats; rm takes names, IDs, --all and --ignore", () => {
  const id = ok("secret", "create", "alpha", file("s", "x"));
  ok("secret", "create", "beta", file("s", "x"));
  expect(ok("secret", "ls").split("\n")[0]!.split(/  +/)).toEqual(["ID", "NAME", "DRIVER", "CREATED", "UPDATED"]);
  expect(ok("secret", "ls", "--noheading").split("\n")).toHaveLength(2);
  expect(ok("secret", "ls", "--filter", "name=alp", "--format", "{{.Name}} {{.Driver}}")).toBe("alpha file");
  expect(ok("secret", "ls", "--filter", `id=${id.slice(0, 8)}`, "--quiet")).toBe(id);
  expect(JSON.parse(ok("secret", "ls", "--format", "json")).map((row: { Name: string }) => row.Name)).toEqual(["alpha", "beta"]);
  expect(podman("secret", "ls", "--filter", "colour=red").err).toContain('invalid filter "colour"');
  expect(ok("secret", "inspect", "--pretty", "alpha")).toMatch(/^ID: +[0-9a-f]{25}\nName: +alpha\nDriver: +file\nCreated at: +\d{4}-\d\d-\d\d .* UTC\nUpdated at: /);
  const both = podman("secret", "inspect", "alpha", "gamma");
  expect([both.status, JSON.parse(both.out).length]).toEqual([125, 1]);
  expect(both.err).toContain('inspecting secret: no secret with name or id "gamma": no such secret');
  expect(podman("secret", "rm", "gamma").status).toBe(125);
  expect(podman("secret", "rm", "--ignore", "gamma")).toEqual({ status: 0, out: "", err: "" });
  expect(ok("secret", "rm", "alpha")).toBe(id);
  expect(podman("secret", "rm").err).toContain("requires one argument, or the --all flag");
  ok("secret", "rm", "--all");
  expect(ok("secret", "ls", "-q")).toBe("");
});

test("the shell driver's commands store, look up and delete", () => {
  const place = join(worldFolder(), "tmp", "shell-secrets");
  mkdirSync(place, { recursive: true });
  const options = `store=cat > ${place}/$SECRET_ID,lookup=cat ${place}/$SECRET_ID,delete=rm ${place}/$SECRET_ID,list=ls ${place}`;
  const id = ok("secret", "create", "--driver", "shell", "--driver-opts", options, "s", file("s", "by shell"));
  expect(readFileSync(`${place}/${id}`, "utf8")).toBe("by shell");
  expect(ok("run", "--rm", "--network", "none", "--secret", "s", IMAGE, "cat", "/run/secrets/s")).toBe("by shell");
  ok("secret", "rm", "s");
  expect(readdirSync(place)).toEqual([]);
  expect(podman("secret", "create", "--driver", "shell", "--driver-opts", "store=cat", "t", file("s", "x")).err).toContain("missing config value");
});

test("the pass driver keeps what gpg encrypted", () => {
  const home = join(worldFolder(), "tmp", "gpg");
  const root = join(worldFolder(), "tmp", "pass");
  for (const directory of [home, root]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  mustRun(["gpg", "--homedir", home, "--batch", "--passphrase", "", "--quick-gen-key", "who@example.test", "rsa2048", "encr"]);
  writeFileSync(`${root}/.gpg-id`, "who@example.test\n");
  const id = ok("secret", "create", "-d", "pass", "--driver-opts", `root=${root},gpghomedir=${home}`, "p", file("s", "by pass"));
  expect(readFileSync(`${root}/${id}.gpg`).includes("by pass")).toBe(false);
  expect(ok("secret", "inspect", "--showsecret", "--format", "{{.SecretData}}", "p")).toBe("by pass");
  ok("secret", "rm", "p");
  expect(readdirSync(root)).toEqual([".gpg-id"]);
  run(["gpgconf", "--homedir", home, "--kill", "all"]);
});

test("containers.conf chooses driver and options", () => {
  const conf = file("containers.conf", `[secrets]\ndriver = "file"\n[secrets.opts]\npath = "${worldFolder()}/tmp/by-conf"\n`);
  const id = mustRun(["podman", "secret", "create", "s", file("s", "x")], { env: { CONTAINERS_CONF: conf } });
  expect(readFileSync(`${worldFolder()}/tmp/by-conf/${id}`, "utf8")).toBe("x");
});

test("run --secret mounts it with owner, mode and place, and nothing of it stays in the image", () => {
  ok("secret", "create", "s", file("s", "hush"));
  const show = (...words: string[]) => ok("run", "--rm", "--network", "none", ...words);
  expect(show("--secret", "s", IMAGE, "stat", "-c", "%a %u %g %n", "/run/secrets/s")).toBe("444 0 0 /run/secrets/s");
  expect(show("--secret", "s,target=t,uid=5,gid=6,mode=0400", IMAGE, "stat", "-c", "%a %u %g %n", "/run/secrets/t")).toBe("400 5 6 /run/secrets/t");
  expect(show("--secret", "source=s,type=mount,target=/etc/deep/s", IMAGE, "cat", "/etc/deep/s")).toBe("hush");
  expect(show("--secret", "s", "--secret", "s,target=again", IMAGE, "sh", "-c", "cat /run/secrets/s /run/secrets/again")).toBe("hushhush");
  for (const [written, complaint] of [["nosuch", "no such secret"], ["s,target=../../etc/passwd", "leads out of"], ["s,mode=9", "mode 9 invalid"], ["s,type=magic", "type magic is invalid"]] as const) {
    expect(podman("run", "--rm", "--secret", written, IMAGE, "true")).toMatchObject({ status: 125, err: expect.stringContaining(complaint) });
  }
});

test("run --secret type=env sets a variable that exec sees and inspect, commit, argv and the store do not show", () => {
  ok("secret", "create", "s", file("s", "hush-hush"));
  expect(ok("run", "--rm", "--network", "none", "--secret", "s,type=env", IMAGE, "sh", "-c", "echo $s")).toBe("hush-hush");
  ok("run", "-d", "--name", "c", "--network", "none", "--secret", "s,type=env,target=TOKEN", "--secret", "s", IMAGE, "sleep", "1000");
  expect(ok("exec", "c", "sh", "-c", "echo $TOKEN; cat /run/secrets/s")).toBe("hush-hush\nhush-hush");
  const inspected = ok("inspect", "c");
  expect(inspected).not.toContain("hush-hush");
  expect(JSON.parse(inspected)[0].Config).toMatchObject({
    Env: expect.arrayContaining(["TOKEN=*******"]), Secrets: [{ Name: "s", ID: inspect("s").ID, UID: 0, GID: 0, Mode: 0o444 }],
  });
  ok("commit", "-q", "c", "committed");
  expect(ok("inspect", "committed") + ok("history", "--no-trunc", "committed")).not.toContain("hush-hush");
  expect(ok("run", "--rm", "--network", "none", "committed", "sh", "-c", "cat /run/secrets/s 2>/dev/null; echo [$TOKEN]")).toBe("[]");
  expect(ok("diff", "c")).not.toContain("secrets/s");
  // grep leaves with 1 where nothing is found; only the secret itself and the container's own copy may hold it.
  const holders = shell(`grep -rl "hus[h]-hush" ${store} /proc/[0-9]*/cmdline 2>/dev/null`).out.split("\n").filter(path => path !== "" && !path.includes("/secrets/"));
  expect(holders).toEqual([]);
  expect(podman("run", "--rm", "--secret", "s,type=env,uid=1", IMAGE, "true").err).toContain("cannot be set with secret type env");
});

test("a mounted secret stays as it was at create; one in the environment must be there at start", () => {
  ok("secret", "create", "s", file("s", "old"));
  ok("create", "--name", "m", "--network", "none", "--secret", "s", IMAGE, "cat", "/run/secrets/s");
  ok("create", "--name", "e", "--network", "none", "--secret", "s,type=env", IMAGE, "true");
  ok("secret", "rm", "s");
  expect(ok("start", "-a", "m")).toBe("old");
  expect(ok("start", "-a", "m")).toBe("old");
  expect(podman("start", "e")).toMatchObject({ status: 125, err: expect.stringContaining("no such secret") });
});

test("creating and removing a secret is an event", () => {
  const id = ok("secret", "create", "s", file("s", "x"));
  ok("secret", "rm", "s");
  const events = readFileSync(`${runRoot}/events.log`, "utf8").trim().split("\n").map(line => JSON.parse(line)).filter(({ Type }) => Type === "secret" );
  expect(events.filter(({ ID }) => ID === id).map(({ Status }) => Status)).toEqual(["create", "remove"]);
});
