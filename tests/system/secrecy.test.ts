// What is secret stays so: passwords, tokens and secrets are in no log, error, list of arguments, environment, layer, history or answer but where they were asked for.
// Source: podman-login(1), podman-secret(1), Dockerfile reference, "RUN --mount=type=secret".

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, mustRun, ok, podman, run, until } from "../fixtures/coracle.ts";
import { newFolder, worldFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { startGuardedWeb, type GuardedWeb } from "../fixtures/guarded-web.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const password = "pw-5dA91c7e-of-anna";
const wrong = "pw-77fe01-mistyped";
const hush = "hush-2b9f00d1-content";
const guarded = "127.0.0.1:5001";
const authFile = () => join(worldFolder(), "home", "auth.json");
let closed: Registry;
let web: GuardedWeb;
beforeAll(async () => {
  closed = await startRegistry({ port: 5001, user: { name: "anna", password } });
  web = await startGuardedWeb({ port: 5002, user: "anna", password });
  ok("push", "-q", "--tls-verify=false", "--creds", `anna:${password}`, IMAGE, `${guarded}/there`);
}, 60_000);
afterAll(async () => {
  await closed?.stop();
  web?.stop();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64").replace(/=+$/, "");
/** As it may be met: plain, in a header, in a URL. */
const forms = (word: string): string[] => [word, base64(word), base64(`anna:${word}`), base64(`"${word}"`)];
const words = [password, wrong, hush].flatMap(forms);
const foundIn = (text: string): string[] => words.filter(word => text.includes(word));

interface Watched {
  readonly status: number;
  readonly said: string;
  /** Of all programs that it started: path, arguments and environment; but for those of containers, which have "inside" among their arguments. */
  readonly children: readonly string[];
}

const traced = (trace: string): string[] => ["strace", "-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve", "-e", "signal=none", "-o", trace];

async function watched(argv: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Watched> {
  const trace = join(newFolder("trace"), "calls");
  const running = begin([...traced(trace), ...argv], options.env ? { env: options.env } : {});
  running.child.stdin!.end(options.input ?? "");
  const status = await running.exited;
  return { status, said: running.out() + running.err(), children: startedIn(trace) };
}

/** Of git its arguments alone: it gets a password by its environment, which no other user can read. */
function startedIn(trace: string): string[] {
  const [, ...started] = readFileSync(trace, "utf8").split("\n").filter(line => line.includes("execve("));
  const children = started.filter(line => !/\binside\b|\["sleep", "1000"\]/.test(line));
  return children.map(line => (/GIT_TERMINAL_PROMPT/.test(line) ? line.slice(0, line.indexOf("], [")) : line));
}

/** Nothing of a secret in what it says at its most talkative, nor in what its children get. */
async function keepsQuiet(argv: readonly string[], expected: "works" | "fails", options: Parameters<typeof watched>[1] = {}): Promise<Watched> {
  const [program = "", ...rest] = argv;
  const ran = await watched([program, program === "skopeo" ? "--debug" : "--log-level=debug", ...rest], options);
  expect({ argv, works: ran.status === 0, said: ran.said }).toEqual({ argv, works: expected === "works", said: ran.said });
  expect({ argv, said: foundIn(ran.said) }).toEqual({ argv, said: [] });
  expect({ argv, children: ran.children.filter(line => foundIn(line).length > 0) }).toEqual({ argv, children: [] });
  return ran;
}

beforeEach(() => void run(["podman", "logout", "--all"]));

/** In all that lies below, files of these names left out. */
function filesWith(directory: string, except: RegExp = /^$/): string[] {
  const found = run(["grep", "-rlaF", ...words.flatMap(word => ["-e", word]), directory]).out.split("\n").filter(Boolean);
  return found.filter(path => !except.test(path));
}

test("login takes a password by word or input, keeps it in a file of its owner alone, and says nothing of it", async () => {
  const plain = ["--tls-verify=false", "--authfile", authFile()];
  const ways: [string[], string | undefined][] = [[["-p", password], undefined], [["--password-stdin"], `${password}\n`]];
  for (const [way, input] of ways) {
    run(["rm", "-f", authFile()]);
    await keepsQuiet(["podman", "login", ...plain, "-u", "anna", ...way, guarded], "works", input ? { input } : {});
    expect([way, statSync(authFile()).mode & 0o777]).toEqual([way, 0o600]);
    expect(readFileSync(authFile(), "utf8")).toContain(base64(`anna:${password}`));
  }
  await keepsQuiet(["podman", "login", ...plain, "--get-login", guarded], "works");
  await keepsQuiet(["podman", "login", ...plain, "-u", "anna", "-p", wrong, guarded], "fails");
  await keepsQuiet(["podman", "login", ...plain, "-u", "anna", "--password-stdin", guarded], "fails", { input: wrong });
  await keepsQuiet(["podman", "login", ...plain, "-u", "anna", "-p", password, "127.0.0.1:5999"], "fails");
  run(["rm", authFile()]);
  await keepsQuiet(["podman", "login", ...plain, `http://anna:${wrong}@${guarded}`], "fails");
}, 60_000);

test("a file of credentials that others could read is the owner's alone when it is written again", async () => {
  writeFileSync(authFile(), "{}", { mode: 0o644 });
  chmodSync(authFile(), 0o644);
  ok("login", "--tls-verify=false", "--authfile", authFile(), "-u", "anna", "-p", password, guarded);
  expect(statSync(authFile()).mode & 0o777).toBe(0o600);
  run(["rm", authFile()]);
  ok("login", "--tls-verify=false", "-u", "anna", "-p", password, guarded);
  const usual = filesWith("/run/containers").concat(filesWith(join(worldFolder(), "home"), /\/\.bun\//));
  expect(usual.map(path => [path, statSync(path).mode & 0o777])).toEqual([["/run/containers/0/auth.json", 0o600]]);
}, 60_000);

test("a credential helper gets the password by its input", async () => {
  const folder = newFolder("helpers");
  writeFileSync(join(folder, "docker-credential-box"), `#!/bin/sh\ncase $1 in store) cat >${folder}/kept;; get) cat ${folder}/kept 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; };; esac\n`, { mode: 0o755 });
  writeFileSync(authFile(), JSON.stringify({ credHelpers: { [guarded]: "box" } }));
  const env = { PATH: `${folder}:${process.env["PATH"]}` };
  await keepsQuiet(["podman", "login", "--tls-verify=false", "--authfile", authFile(), "-u", "anna", "--password-stdin", guarded], "works", { input: password, env });
  expect(readFileSync(join(folder, "kept"), "utf8")).toContain(password);
  expect(filesWith(authFile())).toEqual([]);
}, 60_000);

test("what talks to a registry says nothing of credentials, whether they are right or wrong", async () => {
  const right = ["--creds", `anna:${password}`];
  const mistyped = ["--creds", `anna:${wrong}`];
  const plain = "--tls-verify=false";
  await keepsQuiet(["podman", "pull", plain, ...right, `${guarded}/there`], "works");
  await keepsQuiet(["podman", "pull", plain, ...mistyped, `${guarded}/there`], "fails");
  await keepsQuiet(["podman", "pull", plain, ...right, `${guarded}/not-there`], "fails");
  await keepsQuiet(["podman", "pull", "--tls-verify=true", ...right, `${guarded}/there`], "fails");
  await keepsQuiet(["podman", "push", plain, ...right, IMAGE, `${guarded}/pushed`], "works");
  await keepsQuiet(["podman", "push", plain, ...mistyped, IMAGE, `${guarded}/pushed`], "fails");
  await keepsQuiet(["skopeo", "inspect", plain, ...right, `docker://${guarded}/there`], "works");
  await keepsQuiet(["skopeo", "inspect", plain, ...mistyped, `docker://${guarded}/there`], "fails");
  await keepsQuiet(["skopeo", "list-tags", plain, ...right, `docker://${guarded}/there`], "works");
  const copy = ["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
  await keepsQuiet([...copy, "--src-creds", `anna:${password}`, "--dest-creds", `anna:${password}`, `docker://${guarded}/there`, `docker://${guarded}/copied`], "works");
  await keepsQuiet([...copy, "--src-creds", `anna:${password}`, "--dest-creds", `anna:${wrong}`, `docker://${guarded}/there`, `docker://${guarded}/copied`], "fails");
  await keepsQuiet(["podman", "build", plain, ...right, "-f", file("FROM 127.0.0.1:5001/there\n"), newFolder("empty")], "works");
  writeFileSync(authFile(), JSON.stringify({ auths: { [guarded]: { auth: base64(`anna:${wrong}`) } } }), { mode: 0o600 });
  await keepsQuiet(["podman", "pull", plain, "--authfile", authFile(), `${guarded}/there`], "fails");
  writeFileSync(authFile(), `{"auths": {"${guarded}": {"auth": "${base64(`anna:${wrong}`)}", }}}`, { mode: 0o600 });
  await keepsQuiet(["podman", "pull", plain, "--authfile", authFile(), `${guarded}/there`], "fails");
  await keepsQuiet(["podman", "pull", `docker://anna:${wrong}@${guarded}/there`], "fails");
}, 60_000);

test("a proxy's password is in no error", async () => {
  const env = { https_proxy: `http://anna:${wrong}@127.0.0.1:5998`, http_proxy: `http://anna:${wrong}@127.0.0.1:5998`, no_proxy: "" };
  const ran = await watched(["podman", "--log-level=debug", "pull", "registry.example.test/x"], { env });
  expect([ran.status, foundIn(ran.said)]).toEqual([125, []]);
}, 60_000);

const file = (text: string): string => {
  const path = join(newFolder("file"), "file");
  writeFileSync(path, text);
  return path;
};

test("an address's password reaches no program's arguments, error, history or layer", async () => {
  const at = (user: string, path: string) => `http://anna:${user}@127.0.0.1:5002/${path}`;
  await keepsQuiet(["podman", "build", "-q", "-t", "cloned", at(password, "repository.git")], "works");
  await keepsQuiet(["podman", "build", "-q", at(wrong, "repository.git")], "fails");
  const empty = newFolder("empty");
  const adding = (...lines: string[]) => ["podman", "build", "-t", "added", "-f", file(`FROM ${IMAGE}\n${lines.join("\n")}\n`), empty];
  await keepsQuiet(adding(`ADD ${at(password, "file")} /file`, `ADD --keep-git-dir=true ${at(password, "repository.git")} /repository`), "works");
  expect(foundIn(ok("history", "--no-trunc", "added") + ok("inspect", "added"))).toEqual([]);
  expect(ok("run", "--rm", "--network", "none", "added", "cat", "/file", "/repository/made")).toBe("of the web\nmade");
  const saved = join(newFolder("saved"), "layout");
  ok("save", "--format", "docker-dir", "-o", saved, "added");
  for (const name of readdirSync(saved)) expect([name, foundIn(run(["sh", "-c", `zcat -f ${saved}/${name} | strings`]).out)]).toEqual([name, []]);
  await keepsQuiet(adding(`ADD ${at(wrong, "file")} /file`), "fails");
  await keepsQuiet(["podman", "import", at(wrong, "archive.tar")], "fails");
  await keepsQuiet(["podman", "import", at(password, "archive.tar"), "imported"], "works");
  expect(foundIn(ok("history", "--no-trunc", "imported") + ok("inspect", "imported"))).toEqual([]);
}, 60_000);

test("a build's secret is in no layer, history, log or list of arguments, also where its step fails", async () => {
  const secret = file(hush);
  const step = "RUN --mount=type=secret,id=token --mount=type=secret,id=other,env=OTHER : inside; read -r it </run/secrets/token || test -n \"$it\"; test -n \"$OTHER\"";
  const building = (...lines: string[]) => ["podman", "build", "--network", "none", "--layers", "--secret", `id=token,src=${secret}`, "--secret", `id=other,src=${secret}`, "-t", "secretive", "-f", file(`FROM ${IMAGE}\n${lines.join("\n")}\n`), newFolder("empty")];
  await keepsQuiet(building(step, "COPY . /all", "RUN : inside; echo /run/*/*"), "works");
  await keepsQuiet(building(step, "RUN --mount=type=secret,id=token : inside; exit 3"), "fails");
  expect(foundIn(ok("history", "--no-trunc", "secretive") + ok("inspect", "secretive"))).toEqual([]);
  expect(filesWith("/var/lib/containers")).toEqual([]);
}, 60_000);

test("a build argument is no secret, and one that no ARG asks for is told of by its name alone", () => {
  const build = (text: string) => podman("build", "--network", "none", "-t", "arguments", "--build-arg", `TOKEN=${hush}`, "-f", file(text), newFolder("empty"));
  const unasked = build(`FROM ${IMAGE}\nRUN true\n`);
  expect([unasked.status, foundIn(unasked.out + unasked.err + ok("history", "--no-trunc", "arguments") + ok("inspect", "arguments"))]).toEqual([0, []]);
  expect(unasked.out).toContain("one or more build args were not consumed: [TOKEN]");
  const told = podman("build", "--check", "-f", file(`FROM ${IMAGE}\nARG TOKEN\nRUN true\n`), newFolder("empty"));
  expect(told.out + told.err).toContain("SecretsUsedInArgOrEnv");
}, 60_000);

test("a container's secrets are with the container alone", async () => {
  mustRun(["podman", "secret", "create", "token", "-"], { input: hush });
  await keepsQuiet(["podman", "secret", "create", "--replace", "token", file(hush)], "works");
  const trace = join(newFolder("trace"), "calls");
  const running = begin([...traced(trace), "podman", "--log-level=debug", "run", "--name", "holder", "--network", "bridge", "--secret", "token", "--secret", "token,type=env,target=TOKEN", IMAGE, "sh", "-c", ": inside; echo started; exec sleep 1000"]);
  await until("its start", () => running.out().includes("started"));
  /** The secret itself, and what is mounted into the container. */
  const keepers = /\/secrets\/(filedriver\/[0-9a-f]{25}|0)$/;
  const processes = readdirSync("/proc").filter(name => /^\d+$/.test(name)).filter(pid => existsSync(`/proc/${pid}/cmdline`));
  const outside = processes.map(pid => [pid, read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)].join(" ")).filter(text => !text.includes("inside") && !text.includes("sleep"));
  expect(outside.filter(text => foundIn(text).length > 0)).toEqual([]);
  for (const words of [["inspect", "holder"], ["ps", "-a", "--no-trunc", "--format", "json"], ["logs", "holder"], ["events", "--stream=false", "--format", "json"], ["secret", "ls"], ["secret", "inspect", "token"],
    ["diff", "holder"], ["container", "inspect", "--size", "holder"], ["top", "holder", "args"], ["stats", "--no-stream", "holder"]]) {
    expect([words, foundIn(run(["podman", ...words]).out)]).toEqual([words, []]);
  }
  await keepsQuiet(["podman", "commit", "holder", "held"], "works");
  await keepsQuiet(["podman", "exec", "holder", "sh", "-c", ": inside; test -n \"$TOKEN\""], "works");
  const folder = newFolder("out");
  ok("export", "-o", join(folder, "export.tar"), "holder");
  ok("save", "-q", "-o", join(folder, "save.tar"), "held");
  expect(filesWith(folder)).toEqual([]);
  expect(foundIn(ok("history", "--no-trunc", "held") + ok("inspect", "held"))).toEqual([]);
  expect(filesWith("/var/lib/containers", keepers)).toEqual([]);
  for (const path of [...filesWith("/run/containers"), ...filesWith("/var/lib/containers")]) expect([path, isClosed(path)]).toEqual([path, true]);
  ok("rm", "-f", "-t", "0", "holder");
  await running.exited;
  expect(foundIn(running.out() + running.err())).toEqual([]);
  expect(startedIn(trace).filter(line => foundIn(line).length > 0)).toEqual([]);
  expect(startedIn(trace).map(line => /execve\("[^"]*\/([^"\/]+)"/.exec(line)?.[1])).toEqual(expect.arrayContaining(["conmon", "netavark"]));
  expect(filesWith("/run/containers")).toEqual([]);
  ok("secret", "rm", "token");
  expect(filesWith("/var/lib/containers")).toEqual([]);
}, 60_000);

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
};

/** Somewhere on the way nobody but the owner passes. */
function isClosed(path: string): boolean {
  const steps = path.split("/").slice(1).map((_, index, all) => `/${all.slice(0, index + 1).join("/")}`);
  return steps.some(step => (statSync(step).mode & 0o077) === 0 || (statSync(step).mode & 0o007) === 0);
}

test("a container gets the caller's variables only where they are asked for", async () => {
  const env = { TOKEN_OF_CALLER: hush };
  mustRun(["podman", "run", "-d", "--name", "plain", "--network", "none", IMAGE, "sleep", "1000"], { env });
  expect(foundIn(ok("exec", "plain", "env") + ok("inspect", "plain"))).toEqual([]);
}, 60_000);
