// podman search: repositories and tags of registries, chosen and shown as asked; and logging in where a password is needed.
// Source: podman-search(1), podman-login(1).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";

let registry: Registry;
let guarded: Registry;
const image = busybox({ form: "oci" });
beforeAll(async () => {
  registry = await startRegistry();
  guarded = await startRegistry({ port: 5001, user: { name: "me", password: "pass:word" } });
  for (const name of ["tools/alpha", "tools/beta", "alphabet"]) await registry.push(image, name);
  for (let number = 1; number <= 30; number++) await registry.push(image, "many", `v${number}`);
  await guarded.push(image, "hidden/treasure");
}, 60_000);
afterAll(async () => {
  await registry?.stop();
  await guarded?.stop();
});

const lines = (text: string): string[] => text.split("\n").map(line => line.trimEnd());

test("a term is looked for in one registry, or in all that are searched", () => {
  expect(lines(ok("search", "127.0.0.1:5000/alpha"))).toEqual([
    "NAME                        DESCRIPTION", "127.0.0.1:5000/alphabet", "127.0.0.1:5000/tools/alpha",
  ]);
  expect(ok("search", "--format", "{{.Index}} {{.Name}}", "127.0.0.1:5000/").split("\n").length).toBe(4);
  expect(ok("search", "--limit", "1", "--format", "{{.Name}}", "127.0.0.1:5000/alpha")).toBe("127.0.0.1:5000/alphabet");
  expect(JSON.parse(ok("search", "--format", "json", "127.0.0.1:5000/beta"))).toEqual([
    { Index: "127.0.0.1:5000", Name: "127.0.0.1:5000/tools/beta", Description: "", Stars: 0, Official: "", Automated: "", Tag: "" },
  ]);
  expect(ok("image", "search", "--compatible", "127.0.0.1:5000/beta")).toContain("STARS");
  expect(ok("search", "127.0.0.1:5000/nothing")).toBe("");
  expect(ok("search", "--filter", "is-official", "127.0.0.1:5000/alpha")).toBe("");
  expect(ok("search", "--filter", "stars=0", "--filter", "is-automated=false", "--format", "{{.Name}}", "127.0.0.1:5000/beta")).toBe("127.0.0.1:5000/tools/beta");
});

test("tags are listed, 25 unless said otherwise", () => {
  const tags = lines(ok("search", "--list-tags", "127.0.0.1:5000/many"));
  expect([tags[0], tags.length]).toEqual(["NAME                 TAG", 26]);
  expect(lines(ok("search", "--list-tags", "--limit", "28", "--format", "{{.Tag}}", "127.0.0.1:5000/many")).length).toBe(28);
  const [entry] = JSON.parse(ok("search", "--list-tags", "--limit", "2", "--format", "json", "127.0.0.1:5000/many"));
  expect([entry.Name, entry.Tags.length]).toEqual(["127.0.0.1:5000/many", 2]);
});

test("what cannot be searched is told", () => {
  const cases: [RegExp, string[]][] = [
    [/filters are not applicable to list tags result/, ["--list-tags", "--filter", "stars=1", "127.0.0.1:5000/many"]],
    [/invalid filter type "colour=red"/, ["--filter", "colour=red", "x"]],
    [/incorrect value type for stars filter: strconv.Atoi: parsing "x": invalid syntax/, ["--filter", "stars=x", "x"]],
    [/should be stars=<value>/, ["--filter", "stars", "x"]],
    [/getting repository tags/, ["--list-tags", "127.0.0.1:5000/none"]],
    [/1 error occurred:\n\t\* couldn't search registry|pinging container registry/, ["127.0.0.1:1/x"]],
    [/must be a docker reference/, ["--list-tags", "127.0.0.1:5000/UPPER"]],
    [/accepts 1 arg\(s\), received 0/, []],
  ];
  for (const [reason, words] of cases) {
    const ran = podman("search", ...words);
    expect([words, ran.status, ran.err]).toEqual([words, 125, expect.stringMatching(reason)]);
  }
});

test("a guarded registry is searched and used once logged in, and no longer once logged out", () => {
  const authfile = `${newFolder()}/auth.json`;
  const tls = "--tls-verify=false";
  const search = (...words: string[]) => podman("search", tls, ...words, `${guarded.address}/treasure`);
  expect(search().status).toBe(125);
  expect(search("--creds", "me:pass:word").out).toContain("hidden/treasure");
  expect(search("--creds", "me:no").status).toBe(125);
  const wrong = podman("login", tls, "--authfile", authfile, "-u", "me", "-p", "no", guarded.address);
  expect([wrong.status, wrong.err]).toEqual([125, `Error: logging into "${guarded.address}": invalid username/password\n`]);
  expect(existsSync(authfile)).toBe(false);
  const login = run(["podman", "login", tls, "--authfile", authfile, "--username", "me", "--password-stdin", guarded.address], { input: "pass:word" });
  expect([login.status, login.out]).toEqual([0, "Login Succeeded!\n"]);
  expect(JSON.parse(readFileSync(authfile, "utf8"))).toEqual({ auths: { [guarded.address]: { auth: btoa("me:pass:word") } } });
  expect(ok("login", "--authfile", authfile, "--get-login", guarded.address)).toBe("me");
  expect(search("--authfile", authfile).out).toContain("hidden/treasure");
  ok("pull", "-q", tls, "--authfile", authfile, `${guarded.address}/hidden/treasure`);
  ok("push", "-q", tls, "--authfile", authfile, `${guarded.address}/hidden/treasure`, `${guarded.address}/hidden/copy`);
  ok("rmi", "-f", `${guarded.address}/hidden/treasure`);
  expect(ok("logout", "--authfile", authfile, guarded.address)).toBe(`Removed login credentials for ${guarded.address}`);
  expect(search("--authfile", authfile).status).toBe(125);
  expect(podman("logout", "--authfile", authfile, guarded.address).err).toContain("not logged into");
  expect(podman("search", "--authfile", "/none", "x").err).toContain("credential file is not accessible: faccessat /none: no such file or directory");
}, 60_000);

test("retries are counted out, and a delay that is none is refused", () => {
  const begun = Date.now();
  const ran = podman("pull", "-q", "--retry", "1", "--retry-delay", "1s", "--tls-verify=false", "127.0.0.1:1/x");
  expect([ran.status, ran.err]).toEqual([125, expect.stringMatching(/Failed, retrying in 1s \.\.\. \(1\/1\)\. Error: .*connection refused/)]);
  expect(Date.now() - begun).toBeGreaterThan(900);
  const conf = `${newFolder()}/containers.conf`;
  writeFileSync(conf, '[engine]\nretry = 2\nretry_delay = "10ms"\n');
  const configured = run(["podman", "pull", "-q", "--tls-verify=false", "127.0.0.1:1/x"], { env: { CONTAINERS_CONF: conf } });
  expect(configured.err.match(/Failed, retrying in 10ms/g)?.length).toBe(2);
  expect(run(["podman", "pull", "--help"], { env: { CONTAINERS_CONF: conf } }).out).toContain("performing pull (default 2)");
  expect(podman("pull", "-q", "--retry-delay", "bogus", "x").err).toBe('Error: time: invalid duration "bogus"\n');
}, 30_000);
