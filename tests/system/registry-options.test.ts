// --cert-dir, --creds, --authfile and --tls-verify of every verb that speaks with registries, at one with TLS and a password.
// Source: podman-pull(1), podman-push(1), podman-manifest-push(1) and others; containers-certs.d(5).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { mustRun, ok, podman, run, shell } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const HOST = "127.0.0.1:5044";
let registry: Registry;
let certDir: string;
let authfile: string;
let containerfile: string;

beforeAll(async () => {
  registry = await startRegistry({ port: 5044, tls: true, user: { name: "ann", password: "word" } });
  certDir = newFolder("certs");
  copyFileSync(registry.authority!, `${certDir}/ca.crt`);
  authfile = `${newFolder("auth")}/auth.json`;
  writeFileSync(authfile, JSON.stringify({ auths: { [HOST]: { auth: btoa("ann:word") } } }));
  const folder = newFolder("labelled");
  writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nLABEL run="podman run --rm --network none IMAGE echo ran"\n`);
  ok("build", "-q", "-t", "labelled", folder);
  ok("push", "-q", "--tls-verify=false", "--creds", "ann:word", "labelled", `${HOST}/labelled`);
  ok("push", "-q", "--tls-verify=false", "--creds", "ann:word", IMAGE, `${HOST}/plain`);
  writeFileSync(`${folder}/file`, "an artifact");
  ok("artifact", "add", `${HOST}/art:1`, `${folder}/file`);
  ok("manifest", "create", "list", IMAGE);
  containerfile = `${folder}/From`;
  writeFileSync(containerfile, `FROM ${HOST}/plain\nENV A=1\n`);
}, 60_000);

afterAll(async () => {
  await registry?.stop();
});

const forget = (...names: string[]): void => {
  for (const name of names) podman("rmi", "--force", name);
};

const verbs: readonly (readonly [string, readonly string[], readonly string[], () => void])[] = [
  ["artifact push", ["-q"], [`${HOST}/art:1`], () => {}],
  ["artifact pull", ["-q"], [`${HOST}/art:1`], () => {}],
  ["push", ["-q"], [IMAGE, `${HOST}/pushed`], () => {}],
  ["pull", ["-q"], [`${HOST}/plain`], () => {}],
  ["run", ["--rm", "--network", "none", "--pull", "always"], [`${HOST}/plain`, "true"], () => {}],
  ["create", ["--rm", "--pull", "always"], [`${HOST}/plain`, "true"], () => {}],
  ["search", ["--list-tags"], [`${HOST}/plain`], () => {}],
  ["manifest push", ["-q"], ["list", `${HOST}/list:1`], () => {}],
  ["manifest add", [], ["list", `docker://${HOST}/plain`], () => {}],
  ["manifest inspect", [], [`${HOST}/list:1`], () => podman("rmi", `${HOST}/list:1`)],
  ["container runlabel", [], ["run", `${HOST}/labelled`], () => forget(`${HOST}/labelled`)],
  ["build", ["-q", "--network", "none", "--pull=always"], [], () => {}],
];

for (const [verb, options, operands, before] of verbs) {
  const takesCertDir = verb !== "manifest inspect";
  const takesCreds = verb !== "manifest inspect";
  test(`${verb}: --cert-dir --creds --authfile --tls-verify`, () => {
    const rest = verb === "build" ? ["-f", containerfile, certDir] : operands;
    const go = (...words: string[]) => {
      before();
      return podman(...verb.split(" "), ...options, ...words, ...rest);
    };
    const auth = ["--authfile", authfile];
    const untrusted = go(...auth);
    expect([untrusted.status === 0, untrusted.err]).toEqual([false, expect.stringMatching(/certificate/i)]);
    expect(go(...auth, "--tls-verify=false")).toMatchObject({ status: 0 });
    if (takesCertDir) expect(go(...auth, "--cert-dir", certDir)).toMatchObject({ status: 0 });
    if (!takesCreds) return;
    const stranger = go("--cert-dir", certDir);
    expect([stranger.status === 0, stranger.err]).toEqual([false, expect.stringMatching(/unauthorized|authentication required|denied/i)]);
    expect(go("--cert-dir", certDir, "--creds", "ann:wrong").status).not.toBe(0);
    expect(go("--cert-dir", certDir, "--creds", "ann:word")).toMatchObject({ status: 0 });
  });
}

test("login and logout: --cert-dir --secret --compat-auth-file --verbose --all", () => {
  const folder = newFolder("login");
  const own = ["--authfile", `${folder}/auth.json`];
  const docker = ["--compat-auth-file", `${folder}/config.json`];
  writeFileSync(`${folder}/config.json`, "{}");
  expect(run(["podman", "login", ...own, "-u", "ann", "--password-stdin", HOST], { input: "word" }).err).toMatch(/certificate/i);
  const verbose = run(["podman", "login", ...own, "--cert-dir", certDir, "--verbose", "-u", "ann", "--password-stdin", HOST], { input: "word" });
  expect(verbose).toMatchObject({ status: 0, err: "", out: `Used:  ${folder}/auth.json\nLogin Succeeded!\n` });
  mustRun(["podman", "secret", "create", "ann", "-"], { input: "word" });
  expect(ok("login", ...docker, "--cert-dir", certDir, "--secret", "ann", HOST)).toBe("Login Succeeded!");
  expect(Object.keys(JSON.parse(readFileSync(`${folder}/config.json`, "utf8")).auths)).toEqual([HOST]);
  expect(podman("login", ...docker, "--secret", "nosuch", HOST).err).toContain("nosuch");
  expect(podman("login", ...docker, "--secret", "ann", "--password", "x", HOST).err).toContain("--secret can not be used with --password options");
  ok("logout", ...docker, HOST);
  expect(JSON.parse(readFileSync(`${folder}/config.json`, "utf8")).auths ?? {}).toEqual({});
  const two = { auths: { "one.example": { auth: btoa("a:b") }, "two.example": { auth: btoa("c:d") } } };
  writeFileSync(`${folder}/auth.json`, JSON.stringify(two));
  expect(ok("logout", "--all", ...own)).toBe("Removed login credentials for all registries");
  expect(JSON.parse(readFileSync(`${folder}/auth.json`, "utf8")).auths ?? {}).toEqual({});
  ok("secret", "rm", "ann");
});

test("retries: --retry and --retry-delay of pull, push, run, artifact push and pull, manifest push", () => {
  for (const words of [
    ["pull", "-q", "--tls-verify=false", "127.0.0.1:9/x"], ["push", "-q", "--tls-verify=false", IMAGE, "127.0.0.1:9/x"],
    ["run", "-q", "--pull", "always", "127.0.0.1:9/x"], ["artifact", "pull", "-q", "--tls-verify=false", "127.0.0.1:9/x:1"], ["manifest", "push", "-q", "--tls-verify=false", "list", "127.0.0.1:9/x"],
  ]) {
    const verb = words.slice(0, words.indexOf("-q"));
    const rest = words.slice(words.indexOf("-q"));
    const timed = (...options: string[]): number => {
      const begun = Date.now();
      const { err } = podman(...verb, ...options, ...rest);
      expect(err).toContain("connection refused");
      expect([verb, err.match(/Failed, retrying in 300ms/g)?.length]).toEqual([verb, 2]);
      return Date.now() - begun;
    };
    expect([verb, timed("--retry", "2", "--retry-delay", "300ms") >= 600]).toEqual([verb, true]);
    expect(podman(...verb, "--retry-delay", "soon", ...rest).err).toContain("soon");
  }
  ok("artifact", "add", "127.0.0.1:9/art:1", `${certDir}/ca.crt`);
  const begun = Date.now();
  expect(podman("artifact", "push", "-q", "--tls-verify=false", "--retry", "1", "--retry-delay", "500ms", "127.0.0.1:9/art:1").status).toBe(125);
  expect(Date.now() - begun).toBeGreaterThanOrEqual(500);
});

test("runlabel: --display --name --replace --quiet --pull", () => {
  const folder = newFolder("runlabel");
  const label = "podman run -d --stop-timeout 0 --network none --name NAME -e OPT=${OPT1} IMAGE sleep 100";
  writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nLABEL start="${label}" show="podman run --rm --network none IMAGE echo shown" bad="rm -rf /"\n`);
  ok("build", "-q", "-t", "localhost/starter", folder);
  expect(ok("container", "runlabel", "--display", "start", "localhost/starter")).toMatch(/^command: podman run -d --stop-timeout 0 --network none --name starter -e OPT= localhost\/starter:latest sleep 100$/);
  expect(podman("container", "exists", "starter").status).toBe(1);
  const [first] = ok("container", "runlabel", "--name", "other", "start", "localhost/starter").split("\n").slice(-1);
  expect(ok("inspect", "--format", "{{.Id}} {{.State.Status}}", "other")).toBe(`${first} running`);
  expect(podman("container", "runlabel", "--name", "other", "start", "localhost/starter").status).not.toBe(0);
  ok("container", "runlabel", "--replace", "--name", "other", "start", "localhost/starter");
  expect(ok("inspect", "--format", "{{.Id}}", "other")).not.toBe(first!);
  expect(ok("container", "runlabel", "show", "localhost/starter")).toBe("shown");
  expect(podman("container", "runlabel", "--quiet", "show", "localhost/starter")).toEqual({ status: 0, out: "", err: "" });
  expect(podman("container", "runlabel", "bad", "localhost/starter").err).toContain("a label's command has to begin with podman");
  expect(podman("container", "runlabel", "none", "localhost/starter").err).toContain("cannot find the value of label: none");
  expect(podman("container", "runlabel", "--pull=false", "run", `${HOST}/nosuch`).err).toContain("nosuch");
  ok("rm", "-f", "-t0", "other");
});

test("image sign reads from the registry with --authfile and --cert-dir", () => {
  expect(podman("image", "sign", "--sign-by", "nobody", "--cert-dir", certDir, `docker://${HOST}/plain`).err).toMatch(/unauthorized|authentication required/i);
  expect(podman("image", "sign", "--sign-by", "nobody", "--authfile", authfile, `docker://${HOST}/plain`).err).toMatch(/certificate/i);
  const folder = newFolder("signatures");
  const gnupg = newFolder("gnupg");
  shell(`chmod 700 ${gnupg}; gpg --homedir ${gnupg} --batch --passphrase '' --quick-generate-key ann@example.org default default never`);
  const ran = run(["podman", "image", "sign", "--sign-by", "ann@example.org", "--directory", folder, "--authfile", authfile, "--cert-dir", certDir, `docker://${HOST}/plain`], { env: { GNUPGHOME: gnupg } });
  expect(ran).toMatchObject({ status: 0, err: "" });
  const digest = ok("image", "inspect", "--format", "{{.Digest}}", `${HOST}/plain`).replace(":", "=");
  expect(existsSync(`${folder}/${HOST}/plain@${digest}/signature-1`) || existsSync(`${folder}/plain@${digest}/signature-1`)).toBe(true);
});

test("BUILD_REGISTRY_SOURCES says which registries may be used, and which without TLS", () => {
  const under = (sources: unknown, ...words: string[]) => run(["buildah", ...words], { env: { BUILD_REGISTRY_SOURCES: typeof sources === "string" ? sources : JSON.stringify(sources) } });
  const other = { allowedRegistries: ["other.example.com"] };
  const blocked = { blockedRegistries: [HOST] };
  const pull = ["pull", "-q", "--policy", "always", "--creds", "ann:word", "--tls-verify=false", `${HOST}/plain`];
  expect(under(blocked, ...pull)).toMatchObject({ status: 125, err: expect.stringContaining(`registry "${HOST}" denied by policy: it is in the blocked registries list`) });
  expect(under(other, ...pull).err).toContain(`registry "${HOST}" denied by policy: not in allowed registries list`);
  expect(under({ ...other, allowedRegistries: [HOST] }, ...pull).status).toBe(0);
  const name = mustRun(["buildah", "from", "-q", IMAGE]);
  expect(under(blocked, "commit", "-q", name, `docker://${HOST}/made`).err).toContain(`commit to registry at "${HOST}" denied by policy: it is in the blocked registries list`);
  expect(under(other, "push", "-q", IMAGE, `${HOST}/plain`).err).toContain(`registry "${HOST}" denied by policy: not in allowed registries list`);
  expect(run(["podman", "push", "-q", "--creds", "ann:word", IMAGE, `${HOST}/plain`]).err).toContain("certificate");
  expect(under({ insecureRegistries: [HOST] }, "push", "-q", "--creds", "ann:word", IMAGE, `${HOST}/plain`).status).toBe(0);
  expect(under({ insecureRegistries: [HOST] }, "push", "-q", "--tls-verify=true", "--creds", "ann:word", IMAGE, `${HOST}/plain`).err).toContain("certificate");
  for (const bad of ["{", "[]", '{"blockedRegistries": "x"}']) expect(under(bad, ...pull)).toMatchObject({ status: 125, err: expect.stringContaining("parsing $BUILD_REGISTRY_SOURCES") });
  mustRun(["buildah", "rm", "-a"]);
});
