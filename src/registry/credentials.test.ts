import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import { findCredentials, listCredentialKeys, removeAllCredentials, removeCredentials, storeCredentials } from "./credentials.ts";

const home = fs.mkdtempSync(`${os.tmpdir()}/coracle-credentials-`);
afterAll(() => fs.rmSync(home, { recursive: true, force: true }));
beforeEach(() => {
  for (const name of fs.readdirSync(home)) fs.rmSync(`${home}/${name}`, { recursive: true });
  fs.mkdirSync(`${home}/run`);
});

const environment = { HOME: home, XDG_RUNTIME_DIR: `${home}/run`, PATH: `${home}/bin:/usr/bin:/bin` };
const authFile = `${home}/auth.json`;
const of = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString("base64") });

function write(path: string, value: unknown): string {
  fs.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
  fs.writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

describe("finding", () => {
  test("the longest entry wins", async () => {
    write(authFile, { auths: { "r.test": of("host:1"), "r.test/ns": of("ns:2"), "r.test/ns/repo": of("repo:3"), "r.test:5000": of("port:4") } });
    for (const [key, username] of [
      ["r.test/ns/repo", "repo"], ["r.test/ns/other", "ns"], ["r.test/x/y", "host"], ["r.test", "host"], ["r.test:5000/ns", "port"],
    ] as const) {
      expect(await findCredentials(key, { authFile, environment })).toMatchObject({ username });
    }
    expect(await findCredentials("other.test", { authFile, environment })).toEqual({});
  });

  test("the files are asked in podman's order", async () => {
    write(`${home}/.dockercfg`, { "https://r.test/v1/": of("legacy:x") });
    expect(await findCredentials("r.test/a", { environment })).toMatchObject({ username: "legacy" });
    write(`${home}/.docker/config.json`, { auths: { "https://r.test": of("docker:x") } });
    expect(await findCredentials("r.test/a", { environment })).toMatchObject({ username: "docker" });
    write(`${home}/.config/containers/auth.json`, { auths: { "r.test": of("config:x") } });
    expect(await findCredentials("r.test/a", { environment })).toMatchObject({ username: "config" });
    write(`${home}/run/containers/auth.json`, { auths: { "r.test": of("runtime:x") } });
    expect(await findCredentials("r.test/a", { environment })).toMatchObject({ username: "runtime" });
    const named = { ...environment, REGISTRY_AUTH_FILE: write(`${home}/named.json`, { auths: {} }) };
    expect(await findCredentials("r.test/a", { environment: named })).toEqual({});
  });

  test("docker.io is found under docker's own name", async () => {
    write(authFile, { auths: { "https://index.docker.io/v1/": of("hub:x") } });
    expect(await findCredentials("docker.io/library/a", { authFile, environment })).toMatchObject({ username: "hub" });
  });

  test("colons stay in passwords, tokens are kept, zeros are cut", async () => {
    write(authFile, { auths: { "a.test": of("u:p:q"), "b.test": { ...of("u:p\0\0"), identitytoken: "t" }, "c.test": {} } });
    expect(await findCredentials("a.test", { authFile, environment })).toEqual({ username: "u", password: "p:q" });
    expect(await findCredentials("b.test", { authFile, environment })).toEqual({ username: "u", password: "p", identityToken: "t" });
    expect(await findCredentials("c.test", { authFile, environment })).toEqual({});
  });

  for (const [what, text] of [["no JSON", "{"], ["a list", "[]"], ["auths a list", '{"auths":[]}'], ["no base64", '{"auths":{"r.test":{"auth":"ä"}}}'], ["too large", " ".repeat(1024 * 1024 + 1)]] as const) {
    test(`a file that is ${what} is named`, async () => {
      write(authFile, text);
      await expect(findCredentials("r.test", { authFile, environment })).rejects.toMatchObject({
        code: "config.invalid", message: expect.stringContaining(authFile),
      });
    });
  }

  for (const key of ["https://r.test", "r.test/a:tag", "r.test/a@sha256:0"]) {
    test(`${key} is no key`, async () => {
      await expect(findCredentials(key, { authFile, environment })).rejects.toMatchObject({ code: "usage.invalid" });
    });
  }
});

describe("storing and removing", () => {
  test("an entry is written as podman writes it, beside what is there", async () => {
    write(authFile, { auths: { "old.test": of("o:o") }, HttpHeaders: { a: "b" } });
    expect(await storeCredentials("r.test:5000", { username: "u", password: "p" }, { authFile, environment })).toBe(authFile);
    expect(JSON.parse(fs.readFileSync(authFile, "utf8"))).toEqual({ auths: { "old.test": of("o:o"), "r.test:5000": of("u:p") }, HttpHeaders: { a: "b" } });
    expect(fs.statSync(authFile).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(home).filter(name => name.startsWith("auth.json"))).toEqual(["auth.json"]);
    expect(await removeCredentials("r.test:5000", { authFile, environment })).toBe(true);
    expect(await removeCredentials("r.test:5000", { authFile, environment })).toBe(false);
    await removeAllCredentials({ authFile, environment });
    expect(JSON.parse(fs.readFileSync(authFile, "utf8"))["auths"]).toEqual({});
  });

  test("without a choice the run directory's file is written", async () => {
    expect(await storeCredentials("r.test", { username: "u", password: "p" }, { environment })).toBe(`${home}/run/containers/auth.json`);
    expect(await listCredentialKeys({ environment })).toEqual(["r.test"]);
    const gone = { ...environment, XDG_RUNTIME_DIR: `${home}/gone` };
    await expect(storeCredentials("r.test", { username: "u", password: "p" }, { environment: gone })).rejects.toThrow("set by $XDG_RUNTIME_DIR does not exist");
  });

  test("docker's format has docker's key, and no namespaces", async () => {
    const compatAuthFile = `${home}/docker/config.json`;
    await storeCredentials("docker.io", { username: "u", password: "p" }, { compatAuthFile, environment });
    expect(JSON.parse(fs.readFileSync(compatAuthFile, "utf8"))).toEqual({ auths: { "https://index.docker.io/v1/": of("u:p") } });
    const spaced = storeCredentials("r.test/ns", { username: "u", password: "p" }, { compatAuthFile, environment });
    await expect(spaced).rejects.toThrow("cannot be recorded in Docker-compatible format");
    await expect(findCredentials("r.test", { authFile, compatAuthFile, environment })).rejects.toThrow(
      "options for paths to the credential file and to the Docker-compatible credential file can not be set simultaneously",
    );
  });

  test("a linked file stays a link", async () => {
    write(`${home}/real.json`, {});
    fs.symlinkSync(`${home}/real.json`, authFile);
    await storeCredentials("r.test", { username: "u", password: "p" }, { authFile, environment });
    expect(fs.lstatSync(authFile).isSymbolicLink()).toBe(true);
    expect(await findCredentials("r.test", { authFile: `${home}/real.json`, environment })).toMatchObject({ username: "u" });
  });
});

describe("credential helpers", () => {
  /** Keeps its entries as files named by host. */
  const helper = `#!/bin/sh
cd "${home}/kept" || exit 1
case "$1" in
get) read -r host; [ -f "$host" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "$host" ;;
store) cat > new; host=$(sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' new); mv new "$host" ;;
erase) read -r host; rm -f "$host" ;;
list) echo "{$(for f in *; do [ -f "$f" ] && printf '"%s":"u"' "$f"; done)}" ;;
esac
`;
  beforeEach(() => {
    fs.mkdirSync(`${home}/kept`);
    fs.chmodSync(write(`${home}/bin/docker-credential-test`, helper), 0o755);
    fs.chmodSync(write(`${home}/bin/docker-credential-broken`, "#!/bin/sh\necho the keyring is locked; exit 1\n"), 0o755);
  });

  test("credHelpers in the file are asked for their host", async () => {
    write(authFile, { auths: {}, credHelpers: { "r.test": "test" } });
    expect(await findCredentials("r.test/a", { authFile, environment })).toEqual({});
    expect(await storeCredentials("r.test", { username: "u", password: "p" }, { authFile, environment })).toBe("credential helper: test");
    expect(await findCredentials("r.test/a", { authFile, environment })).toEqual({ username: "u", password: "p" });
    expect(await removeCredentials("r.test", { authFile, environment })).toBe(true);
    expect(await findCredentials("r.test/a", { authFile, environment })).toEqual({});
  });

  test("an identity token is told from a name", async () => {
    write(`${home}/kept/r.test`, { ServerURL: "r.test", Username: "<token>", Secret: "t" });
    expect(await findCredentials("r.test/a", { helpers: ["test"], environment })).toEqual({ identityToken: "t" });
    expect(await listCredentialKeys({ helpers: ["test"], environment })).toEqual(["r.test"]);
  });

  for (const [name, code] of [["broken", "component.failed"], ["absent-one", "component.missing"], ["../../bin/sh", "config.invalid"]] as const) {
    test(`the helper "${name}" gives ${code}`, async () => {
      write(authFile, { credHelpers: { "r.test": name } });
      await expect(findCredentials("r.test/a", { authFile, environment })).rejects.toMatchObject({ code });
    });
  }
});
