import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import { Fault } from "../base/fault.ts";
import { firstThatAnswers } from "./mirrors.ts";
import {
  aliasOf, endpointsFor, findRegistry, pushEndpointFor, readRegistriesConf, recordAlias, type RegistriesConf,
} from "./registries-conf.ts";

const directory = fs.mkdtempSync(`${os.tmpdir()}/coracle-registries-`);
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  for (const name of fs.readdirSync(directory)) fs.rmSync(`${directory}/${name}`, { recursive: true });
});

function read(text: string, dropIns: Record<string, string> = {}): RegistriesConf {
  fs.mkdirSync(`${directory}/d`, { recursive: true });
  fs.writeFileSync(`${directory}/registries.conf`, text);
  for (const name in dropIns) fs.writeFileSync(`${directory}/d/${name}`, dropIns[name]!);
  return readRegistriesConf({
    file: `${directory}/registries.conf`, dir: `${directory}/d`, aliasFile: `${directory}/cache/aliases.conf`, environment: {},
  });
}

const referencesOf = (conf: RegistriesConf, reference: string): string[] =>
  endpointsFor(conf, reference).map(endpoint => endpoint.reference);

describe("where a reference leads", () => {
  const conf = `
unqualified-search-registries = ["docker.io", "quay.io"]
[[registry]]
prefix = "example.test/foo"
location = "internal.test:5000/bar"
insecure = true
[[registry.mirror]]
location = "mirror.test/one"
[[registry.mirror]]
location = "by-digest.test/two"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "by-tag.test/three"
pull-from-mirror = "tag-only"
insecure = true
[[registry]]
location = "example.test"
[[registry]]
prefix = "*.wild.test"
blocked = true
[[registry]]
prefix = "*.open.test"
`;

  test("a tag asks the mirrors for tags, then the rewritten location", () => {
    const endpoints = endpointsFor(read(conf), "example.test/foo/image:v1");
    expect(endpoints).toEqual([
      { reference: "mirror.test/one/image:v1", host: "mirror.test", repository: "one/image", insecure: false, isMirror: true },
      { reference: "by-tag.test/three/image:v1", host: "by-tag.test", repository: "three/image", insecure: true, isMirror: true },
      { reference: "internal.test:5000/bar/image:v1", host: "internal.test:5000", repository: "bar/image", insecure: true, isMirror: false },
    ]);
  });

  test("a digest asks the mirrors for digests", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    expect(referencesOf(read(conf), `example.test/foo@${digest}`)).toEqual([
      `mirror.test/one@${digest}`, `by-digest.test/two@${digest}`, `internal.test:5000/bar@${digest}`,
    ]);
  });

  test("the longest prefix wins, at a boundary only", () => {
    const parsed = read(conf);
    expect(findRegistry(parsed, "example.test/foo/x")?.location).toBe("internal.test:5000/bar");
    expect(findRegistry(parsed, "example.test/food")?.location).toBe("example.test");
    expect(findRegistry(parsed, "example.testing/foo")).toBeUndefined();
    expect(findRegistry(parsed, "a.b.open.test/x")?.prefix).toBe("*.open.test");
    expect(findRegistry(parsed, "other.test/a.open.test/x")).toBeUndefined();
  });

  test("a name without entry leads to itself", () => {
    expect(referencesOf(read(conf), "other.test:5000/a/b:v1")).toEqual(["other.test:5000/a/b:v1"]);
    expect(endpointsFor(read(conf), "other.test:5000/a/b")[0]).toMatchObject({ host: "other.test:5000", repository: "a/b" });
    expect(referencesOf(read(conf), "x.open.test/a:v1")).toEqual(["x.open.test/a:v1"]);
  });

  test("a blocked registry is refused, for pulls and pushes", () => {
    const text = `registry *.wild.test is blocked in ${directory}/registries.conf or ${directory}/d`;
    for (const ask of [endpointsFor, pushEndpointFor]) {
      expect(() => ask(read(conf), "a.wild.test/x:1")).toThrow(expect.objectContaining({ code: "registry.blocked", message: text }));
    }
  });

  test("a push goes to the name itself, as insecure as the entry says", () => {
    expect(pushEndpointFor(read(conf), "example.test/foo/image:v1")).toMatchObject({ host: "example.test", insecure: true });
  });

  test("mirror-by-digest-only keeps tags from the mirrors", () => {
    const parsed = read('[[registry]]\nlocation="r.test"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation="m.test"\n');
    expect(referencesOf(parsed, "r.test/a:v1")).toEqual(["r.test/a:v1"]);
    expect(referencesOf(parsed, `r.test/a@sha256:${"b".repeat(64)}`)).toHaveLength(2);
  });
});

describe("files laid over files", () => {
  test("drop-ins replace by prefix and name, and lists whole", () => {
    const conf = read(
      'unqualified-search-registries=["a.test"]\n[[registry]]\nlocation="r.test"\n[aliases]\n"one"="r.test/one"\n"two"="r.test/two"\n',
      {
        "10.conf": 'unqualified-search-registries=["b.test"]\nshort-name-mode="enforcing"\n[[registry]]\nlocation="r.test"\ninsecure=true\n',
        "20.conf": '[aliases]\n"two"=""\n"three"="docker.io/three"\n',
        "30.txt": "not = toml = at all",
      },
    );
    expect(conf.unqualifiedSearch).toEqual(["b.test"]);
    expect(conf.unqualifiedSearchOrigin).toBe(`${directory}/d/10.conf`);
    expect(conf.shortNameMode).toBe("enforcing");
    expect(conf.registries).toMatchObject([{ prefix: "r.test", insecure: true }]);
    expect(aliasOf(conf, "one")).toEqual({ value: "r.test/one", origin: `${directory}/registries.conf` });
    expect(aliasOf(conf, "two")).toEqual({ value: undefined, origin: `${directory}/d/20.conf` });
    expect(aliasOf(conf, "three")?.value).toBe("docker.io/library/three");
    expect(aliasOf(conf, "four")).toBeUndefined();
  });

  test("a recorded alias comes before the others, and the file keeps those it had", () => {
    const conf = read('[aliases]\n"one"="r.test/one"\n');
    recordAlias(conf, "zwei/drei", "r.test/zwei");
    recordAlias(conf, "one", "docker.io/library/one");
    expect(aliasOf(conf, "one")).toEqual({ value: "docker.io/library/one", origin: conf.aliasFile });
    expect(fs.readFileSync(conf.aliasFile, "utf8")).toBe('[aliases]\n  "one" = "docker.io/library/one"\n  "zwei/drei" = "r.test/zwei"\n');
    expect(fs.statSync(conf.aliasFile).mode & 0o777).toBe(0o600);
  });

  test("a person's own file stands in for the system's", () => {
    fs.mkdirSync(`${directory}/.config/containers`, { recursive: true });
    fs.writeFileSync(`${directory}/.config/containers/registries.conf`, 'unqualified-search-registries=["own.test"]\n');
    const conf = readRegistriesConf({ environment: { HOME: directory } });
    expect(conf.unqualifiedSearch).toEqual(["own.test"]);
    expect(conf.dirs).toEqual([`${directory}/.config/containers/registries.conf.d`]);
  });

  test("CONTAINERS_REGISTRIES_CONF names the file, which must be there", () => {
    fs.writeFileSync(`${directory}/other.conf`, 'unqualified-search-registries=["env.test"]\n');
    const environment = { CONTAINERS_REGISTRIES_CONF: `${directory}/other.conf` };
    expect(readRegistriesConf({ environment, dir: directory + "/none" }).unqualifiedSearch).toEqual(["env.test"]);
    expect(() => readRegistriesConf({ file: `${directory}/absent.conf`, environment: {} })).toThrow(
      expect.objectContaining({ code: "config.invalid", message: expect.stringContaining("no such file or directory") }),
    );
  });

  test("version 1 is still read, but not in a drop-in and not mixed", () => {
    const first = '[registries.search]\nregistries=["a.test"]\n[registries.insecure]\nregistries=["i.test"]\n[registries.block]\nregistries=["b.test"]\n';
    const conf = read(first);
    expect(conf.unqualifiedSearch).toEqual(["a.test"]);
    expect(conf.registries).toMatchObject([{ prefix: "b.test", blocked: true }, { prefix: "i.test", insecure: true }]);
    expect(() => read("", { "1.conf": first })).toThrow("registry must be in v2 format but is in v1");
    fs.rmSync(`${directory}/d/1.conf`);
    expect(() => read(`unqualified-search-registries=["x.test"]\n${first}`)).toThrow("mixing sysregistry v1/v2 is not supported");
  });
});

for (const [text, reason] of [
  ["unqualified-search-registries = [\n", "registries.conf:"],
  ['unqualified-search-registries="docker.io"', '"unqualified-search-registries" is not a list of texts'],
  ['unqualified-search-registries=["docker.io/library"]', 'Invalid unqualified-search-registries entry "docker.io/library"'],
  ['[[registry]]\nlocation="https://r.test"', "URI schemes are not supported"],
  ["[[registry]]\ninsecure=true", "both location and prefix are unset"],
  ['[[registry]]\nprefix="r.test"', "location is unset and prefix is not in the format"],
  ['[[registry]]\nprefix="*.r.test/x"', "Wildcarded prefix should be in the format"],
  ['[[registry]]\nlocation="r.test"\ninsecure="yes"', '"insecure" is neither true nor false'],
  ['[[registry]]\nlocation="r.test"\npull-from-mirror="all"', "must not be set for a non-mirror registry"],
  ['[[registry]]\nlocation="r.test"\n[[registry.mirror]]\ninsecure=true', "mirror location is unset"],
  ['[[registry]]\nlocation="r.test"\n[[registry.mirror]]\nlocation="m.test"\npull-from-mirror="some"', "unsupported pull-from-mirror value"],
  ['[[registry]]\nlocation="r.test"\n[[registry]]\nprefix="x.test"\nlocation="r.test"\ninsecure=true', "conflicting 'insecure' setting"],
  ['short-name-mode="maybe"', 'invalid short-name mode: "maybe"'],
  ['[aliases]\n"a:tag"="r.test/a"', "must not contain tag"],
  ['[aliases]\n"r.test/a"="r.test/a"', "must not contain registry"],
  ['[aliases]\n"a"="library/a"', "must contain registry and repository"],
  ['[aliases]\n"a"="r.test/a:tag"', "must not contain tag"],
  ['[aliases]\n"a"="r.test/a@sha256:0"\n"b"="x"', "must contain registry and repository"],
  ['[aliases]\n"a"=1', "is not a text"],
] as const) {
  test(`refused: ${JSON.stringify(text.slice(-60))}`, () => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: "config.invalid", message: expect.stringContaining(reason) }));
  });
}

describe("trying endpoints in order", () => {
  const endpoints = ["m1.test/a:1", "m2.test/a:1", "r.test/a:1"].map((reference, index) => ({
    reference, host: reference.split("/")[0]!, repository: "a", insecure: false, isMirror: index < 2,
  }));

  test("the first that answers ends it", async () => {
    const asked: string[] = [];
    const answer = await firstThatAnswers(endpoints, async ({ host }) => {
      asked.push(host);
      if (host === "m1.test") throw new Fault("registry.not-found", "gone");
      return host;
    });
    expect([answer, asked]).toEqual(["m2.test", ["m1.test", "m2.test"]]);
  });

  test("when none does, the registry's fault names the mirrors'", async () => {
    const all = firstThatAnswers(endpoints, async ({ host }) => {
      throw new Fault(host === "r.test" ? "registry.denied" : "registry.unreachable", `${host} says no`);
    });
    await expect(all).rejects.toMatchObject({
      code: "registry.denied",
      message: "(Mirrors also failed: [m1.test/a:1: m1.test says no]\n[m2.test/a:1: m2.test says no]): r.test/a:1: r.test says no",
    });
    const one = firstThatAnswers(endpoints.slice(2), async () => { throw new Fault("registry.denied", "no"); });
    await expect(one).rejects.toMatchObject({ message: "no" });
  });

  test("a bug is not asked elsewhere", async () => {
    let asked = 0;
    await expect(firstThatAnswers(endpoints, async () => { asked++; throw new TypeError("bug"); })).rejects.toThrow("bug");
    expect(asked).toBe(1);
  });
});
