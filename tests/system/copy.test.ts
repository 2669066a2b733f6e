// skopeo: copies between every transport with digests kept, inspection, syncs that repeat, and signatures.
// Source: skopeo(1) and its verbs' pages.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { mustRun, ok, onTerminal, run, until } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { makeImage, makeIndex } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";

const skopeo = (...words: string[]) => run(["skopeo", ...words]);
const done = (...words: string[]): string => mustRun(["skopeo", ...words]);
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;

let registry: Registry;
const docker = busybox({ form: "docker" });
const oci = busybox({ form: "oci" });
const foreign = busybox({ form: "oci", architecture: "s390x" });
const host = process.arch === "arm64" ? "arm64" : "amd64";
const index = makeIndex([{ image: oci, architecture: host }, { image: foreign, architecture: "s390x" }]);

beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(docker, "docker");
  await registry.push(oci, "oci");
  await registry.push(oci, "many");
  await registry.push(foreign, "many", foreign.digest);
  await registry.push(oci, "many", oci.digest);
  await registry.push(index, "many", "all");
  for (const tag of ["1.0", "1.1", "2.0"]) await registry.push(oci, "tags", tag);
}, 60_000);
afterAll(async () => registry?.stop());

/** A proxy in front of the registry that counts what goes through. */
function counted(): { readonly address: string; readonly requests: string[]; stop(): void } {
  const requests: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      requests.push(`${request.method} ${url.pathname}`);
      return fetch(`${registry.url}${url.pathname}${url.search}`, { method: request.method, headers: request.headers, body: request.body });
    },
  });
  return { address: `127.0.0.1:${server.port}`, requests, stop: () => void server.stop(true) };
}

/** A sync must not wait for a server of its own process, so it goes on beside it. */
async function skopeoBeside(...words: string[]): Promise<{ status: number; err: string }> {
  const child = Bun.spawn(["skopeo", ...words], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const err = await new Response(child.stderr).text();
  return { status: await child.exited, err };
}

describe("copy", () => {
  test("a chain over a directory, a layout, the store and a registry changes no digest", () => {
    const folder = newFolder();
    done("copy", at("oci"), `dir:${folder}/dir`);
    done("copy", `dir:${folder}/dir`, `oci:${folder}/oci:tag`);
    done("copy", `oci:${folder}/oci:tag`, `oci-archive:${folder}/a.tar:tag`);
    done("copy", `oci-archive:${folder}/a.tar:tag`, "containers-storage:127.0.0.1:5000/chain:1");
    done("copy", "containers-storage:127.0.0.1:5000/chain:1", at("chain:1"));
    expect(done("inspect", "--format", "{{.Digest}}", at("chain:1"))).toBe(oci.digest);
    expect(ok("image", "inspect", "--format", "{{.Digest}}", "127.0.0.1:5000/chain:1")).toBe(oci.digest);
  });

  test("two archives of one image are equal byte for byte", () => {
    const folder = newFolder();
    for (const name of ["a", "b"]) done("copy", at("docker"), `docker-archive:${folder}/${name}.tar:bb:1`);
    expect(readFileSync(`${folder}/a.tar`).equals(readFileSync(`${folder}/b.tar`))).toBe(true);
  });

  test("--all brings every member and the index itself, --multi-arch index-only the index alone", () => {
    const folder = newFolder();
    done("copy", "--all", "--digestfile", `${folder}/digest`, at("many:all"), `dir:${folder}/all`);
    expect(readFileSync(`${folder}/digest`, "utf8")).toBe(index.digest);
    expect(existsSync(`${folder}/all/${foreign.digest.slice(7)}.manifest.json`)).toBe(true);
    done("copy", "--multi-arch", "index-only", at("many:all"), `dir:${folder}/only`);
    expect(readdirSync(`${folder}/only`).sort()).toEqual(["manifest.json", "version"]);
    expect(skopeo("copy", "--all", "--multi-arch", "all", at("many:all"), `dir:${folder}/x`).status).toBe(1);
  });

  test("--override-arch takes that member", () => {
    const folder = newFolder();
    done("--override-arch", "s390x", "copy", at("many:all"), `dir:${folder}/d`);
    expect(done("inspect", "--format", "{{.Architecture}} {{.Digest}}", `dir:${folder}/d`)).toBe(`s390x ${foreign.digest}`);
  });

  test("--format converts and says so in the type; --preserve-digests refuses to", () => {
    const folder = newFolder();
    done("copy", "--format", "v2s2", at("oci"), `dir:${folder}/docker`);
    expect(JSON.parse(done("inspect", "--raw", `dir:${folder}/docker`)).mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
    const refused = skopeo("copy", "--preserve-digests", "--format", "v2s2", at("oci"), `dir:${folder}/kept`);
    expect(refused.status).toBe(1);
    expect(refused.err).toContain("cannot preserve digest");
    expect(existsSync(`${folder}/kept/manifest.json`)).toBe(false);
  });

  test("--format converts the members of an index with it", () => {
    const folder = newFolder();
    done("copy", "--all", "--format", "v2s2", at("many:all"), `dir:${folder}/d`);
    const list = JSON.parse(done("inspect", "--raw", `dir:${folder}/d`));
    expect(list.mediaType).toBe("application/vnd.docker.distribution.manifest.list.v2+json");
    for (const entry of list.manifests) {
      const bytes = readFileSync(`${folder}/d/${entry.digest.slice(7)}.manifest.json`);
      expect([new Bun.CryptoHasher("sha256").update(bytes).digest("hex"), bytes.length]).toEqual([entry.digest.slice(7), entry.size]);
      expect(JSON.parse(bytes.toString()).mediaType).toBe(entry.mediaType);
    }
  });

  test("layers are packed as asked, and unpack to what the config names", () => {
    const folder = newFolder();
    done("copy", "--dest-compress-format", "zstd", at("docker"), `oci:${folder}/zstd:t`);
    const manifest = JSON.parse(done("inspect", "--raw", `oci:${folder}/zstd:t`));
    expect(manifest.layers[0].mediaType).toBe("application/vnd.oci.image.layer.v1.tar+zstd");
    done("copy", "--dest-decompress", `oci:${folder}/zstd:t`, `dir:${folder}/plain`);
    const plain = JSON.parse(done("inspect", "--raw", `dir:${folder}/plain`));
    const config = JSON.parse(done("inspect", "--config", `dir:${folder}/plain`));
    expect(plain.layers.map((layer: { digest: string }) => layer.digest)).toEqual(config.rootfs.diff_ids);
    expect(skopeo("copy", "--dest-compress-format", "xz", at("docker"), `oci:${folder}/no`).err).toContain("not supported");
    done("copy", "--dest-compress-format", "zstd:chunked", at("docker"), `oci:${folder}/chunked:t`);
    const [layer] = JSON.parse(done("inspect", "--raw", `oci:${folder}/chunked:t`)).layers;
    expect(layer.annotations["io.github.containers.zstd-chunked.manifest-position"]).toMatch(/^\d+:\d+:\d+:1$/);
    done("copy", "--dest-compress-format", "zstd:chunked", `oci:${folder}/chunked:t`, `oci:${folder}/again:t`);
    expect(done("inspect", "--format", "{{.Digest}}", `oci:${folder}/again:t`)).toBe(done("inspect", "--format", "{{.Digest}}", `oci:${folder}/chunked:t`));
    done("copy", `oci:${folder}/chunked:t`, "containers-storage:localhost/chunked:t");
  });

  test("tarballs become an image that runs through every check", () => {
    const folder = newFolder();
    writeFileSync(`${folder}/hello`, "hi\n");
    mustRun(["tar", "-C", folder, "-cf", `${folder}/t.tar`, "hello"]);
    done("copy", `tarball:${folder}/t.tar`, "containers-storage:localhost/tarball:1");
    expect(ok("image", "inspect", "--format", "{{len .RootFS.Layers}}", "localhost/tarball:1")).toBe("1");
    expect(skopeo("copy", "--dest-force-compress-format", at("oci"), `dir:${folder}/dir`).err).toContain("can only be used with --dest-compress-format");
    expect(skopeo("copy", at("oci"), `tarball:${folder}/no.tar`).err).toContain("can only be read from");
  });

  test("what is not part of this version is refused by name", () => {
    for (const [option, ...value] of [["--encryption-key", "provider:k"], ["--sign-by-sq-fingerprint", "p"], ["--format", "v2s1"]]) {
      const ran = skopeo("copy", option!, ...value, at("oci"), `dir:${newFolder()}/x`);
      expect([ran.status, ran.err]).toEqual([1, expect.stringMatching(/not supported|cannot write Docker schema 1/)]);
    }
    expect(skopeo("generate-sigstore-key", "--output-prefix", "x").err).toContain("standard input is not a TTY");
    expect(skopeo("copy", "ostree:/x", "dir:/y").err).toContain('transport \\"ostree\\" is not supported');
  });

  test("without a policy nothing is copied unless it is waived", () => {
    const folder = newFolder();
    const missing = skopeo("--policy", `${folder}/none.json`, "copy", at("oci"), `dir:${folder}/x`);
    expect([missing.status, missing.err]).toEqual([1, expect.stringContaining("Error loading trust policy: open")]);
    writeFileSync(`${folder}/reject.json`, '{"default":[{"type":"reject"}]}');
    const rejected = skopeo("--policy", `${folder}/reject.json`, "copy", at("oci"), `dir:${folder}/x`);
    expect(rejected.err).toContain("is rejected by policy");
    expect(existsSync(`${folder}/x/manifest.json`)).toBe(false);
    done("--policy", `${folder}/reject.json`, "--insecure-policy", "copy", at("oci"), `dir:${folder}/x`);
  });

  test("an unknown image leaves with 2, anything else with 1", () => {
    expect(skopeo("inspect", at("nosuch:1")).status).toBe(2);
    expect(skopeo("inspect", "containers-storage:nosuch").status).toBe(2);
    expect(skopeo("inspect", "docker://127.0.0.1:9/x").status).toBe(1);
    expect(skopeo("nosuchverb").err).toContain("Unrecognized command `skopeo nosuchverb`");
  });
});

describe("progress", () => {
  test("json gives one object a line, auto plain lines where nobody watches, bars on a terminal", async () => {
    const folder = newFolder();
    const lines = skopeo("copy", "--progress", "json", at("docker"), `dir:${folder}/json`).err.trim().split("\n").map((line) => JSON.parse(line));
    const blob = lines.filter((event) => event.kind === "blob");
    expect([blob[0].state, blob.at(-1).state, blob[0].size > 0, lines.at(-1)]).toEqual(["start", "done", true, { kind: "manifest", list: false }]);
    expect(skopeo("copy", at("docker"), `dir:${folder}/plain`).err).toContain("Copying blob sha256:");
    const screen = onTerminal(["skopeo", "copy", at("docker"), `dir:${folder}/bars`]);
    expect(await screen.end()).toBe(0);
    expect(screen.text()).toContain("\x1b[");
    expect(skopeo("copy", "--progress", "loud", at("docker"), `dir:${folder}/x`).err).toContain("unknown progress");
    expect(skopeo("copy", "--quiet", at("docker"), `dir:${folder}/quiet`).err).toBe("");
  });
});

describe("inspect and list-tags", () => {
  test("one request a question: no layer is fetched", async () => {
    const proxy = counted();
    const ran = await skopeoBeside("inspect", "--tls-verify=false", "--no-tags", `docker://${proxy.address}/oci`);
    proxy.stop();
    expect(ran.status).toBe(0);
    expect(proxy.requests.filter((line) => line.includes("/blobs/"))).toHaveLength(1);
  });

  test("tags of a repository, names of an archive", () => {
    const listed = JSON.parse(done("list-tags", at("tags")));
    expect([listed.Repository, listed.Tags.sort()]).toEqual(["127.0.0.1:5000/tags", ["1.0", "1.1", "2.0"]]);
    const file = `${newFolder()}/a.tar`;
    done("copy", "--additional-tag", "bb:2", at("docker"), `docker-archive:${file}:bb:1`);
    expect(JSON.parse(done("list-tags", `docker-archive:${file}`)).Tags).toEqual(["docker.io/library/bb:1", "docker.io/library/bb:2"]);
    expect(skopeo("list-tags", at("tags:1.0")).err).toContain("No tag or digest allowed");
  });
});

describe("sync", () => {
  test("a second run copies nothing and asks little", async () => {
    const folder = newFolder();
    const proxy = counted();
    const words = ["sync", "--src-tls-verify=false", "--src", "docker", "--dest", "dir", `${proxy.address}/tags`, folder];
    expect((await skopeoBeside(...words)).status).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["tags:1.0", "tags:1.1", "tags:2.0"]);
    proxy.requests.length = 0;
    const again = await skopeoBeside(...words);
    proxy.stop();
    expect(again.status).toBe(0);
    expect(again.err.match(/nothing to copy/g)).toHaveLength(3);
    expect(proxy.requests.length).toBeLessThanOrEqual(3 + 2);
    expect(proxy.requests.filter((line) => line.includes("/blobs/"))).toEqual([]);
  });

  test("30 unchanged tags cost each registry no more than 32 requests, of single images and of indexes", async () => {
    for (let tag = 0; tag < 30; tag++) await registry.push(tag % 2 ? oci : index, "many", `v${tag}`);
    const [from, to] = [counted(), counted()];
    const folder = newFolder();
    writeFileSync(`${folder}/list.yaml`, `${from.address}:\n  tls-verify: false\n  images-by-tag-regex:\n    many: ^v\n`);
    for (const [dest, place] of [["docker", `${to.address}/mirror`], ["dir", folder]] as const) {
      const words = ["sync", "--dest-tls-verify=false", "--src", "yaml", "--dest", dest, `${folder}/list.yaml`, place];
      const first = await skopeoBeside(...words);
      expect([first.status, first.err]).toEqual([0, expect.stringContaining("Synced 30 images")]);
      from.requests.length = to.requests.length = 0;
      expect((await skopeoBeside(...words)).status).toBe(0);
      expect([from.requests.length <= 32, to.requests.length <= 32, from.requests.length, to.requests.length]).toEqual([true, true, expect.any(Number), expect.any(Number)]);
      expect([...from.requests, ...to.requests].filter((line) => /^(PUT|POST|PATCH)|blobs/.test(line))).toEqual([]);
    }
    from.stop();
    to.stop();
  }, 60_000);

  test("a killed sync goes on where it stopped, its last blob at the byte", async () => {
    const big = makeImage({ layers: [tarOf([{ name: "big", body: randomBytes(8_000_000) }])] });
    for (const tag of ["a", "b", "c"]) await registry.push(tag === "b" ? big : oci, "broken", tag);
    const requests: string[] = [];
    let isSlow = true;
    const server = Bun.serve({
      hostname: "127.0.0.1", port: 0, idleTimeout: 60,
      async fetch(request) {
        const url = new URL(request.url);
        requests.push(`${request.method} ${url.pathname} ${request.headers.get("range") ?? ""}`);
        const answer = await fetch(`${registry.url}${url.pathname}${url.search}`, { method: request.method, headers: request.headers });
        if (!isSlow || Number(answer.headers.get("content-length")) < 4_000_000) return answer;
        const bytes = new Uint8Array(await answer.arrayBuffer());
        const slow = new ReadableStream({
          start: controller => controller.enqueue(bytes.subarray(0, 3_000_000)),
          pull: () => new Promise<void>(() => undefined),
        });
        return new Response(slow, { headers: { "content-type": "application/octet-stream", "content-length": String(bytes.length) } });
      },
    });
    const folder = newFolder();
    writeFileSync(`${folder}/list.yaml`, `127.0.0.1:${server.port}:\n  tls-verify: false\n  images:\n    broken: [a, b, c]\n`);
    const words = ["sync", "--src", "yaml", "--dest", "dir", `${folder}/list.yaml`, folder];
    const first = Bun.spawn(["skopeo", ...words], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const partial = () => existsSync(`${folder}/broken:b`) && readdirSync(`${folder}/broken:b`).some(name => name.includes(".partial-"));
    await until("a part of the big blob", () => partial() && mustRun(["bash", "-c", `stat -c %s ${folder}/broken:b/*.partial-*`]) >= "2");
    await Bun.sleep(300);
    first.kill("SIGKILL");
    await first.exited;
    expect(existsSync(`${folder}/broken:b/manifest.json`)).toBe(false);
    isSlow = false;
    requests.length = 0;
    const second = await skopeoBeside(...words);
    void server.stop(true);
    expect([second.status, second.err]).toEqual([0, expect.stringContaining("Going on with an interrupted sync")]);
    expect(requests.filter(line => line.includes("/manifests/a"))).toEqual([]);
    expect(requests.some(line => /bytes=[1-9]\d+-/.test(line))).toBe(true);
    expect(readdirSync(`${folder}/broken:b`).some(name => name.includes("partial"))).toBe(false);
  }, 60_000);

  test("what changed or broke since is copied again", () => {
    const folder = newFolder();
    const words = ["sync", "--src", "docker", "--dest", "dir", "--scoped", "127.0.0.1:5000/tags:1.0", folder];
    done(...words);
    const image = join(folder, "127.0.0.1:5000", "tags:1.0");
    const layer = readdirSync(image).find((name) => /^[0-9a-f]{64}$/.test(name))!;
    writeFileSync(join(image, layer), "broken");
    done(...words);
    expect(readFileSync(join(image, layer)).length).toBeGreaterThan(100);
  });

  test("a list in YAML chooses by name, pattern and version, and a bad tag does not end it", () => {
    const folder = newFolder();
    writeFileSync(`${folder}/list.yaml`, [
      "127.0.0.1:5000:", "  tls-verify: false", "  images:", "    oci: [nosuch, latest]", "  images-by-semver:", "    tags: '>=1.1, <2'", "",
    ].join("\n"));
    mkdirSync(`${folder}/to`);
    const ran = skopeo("sync", "--src", "yaml", "--dest", "dir", `${folder}/list.yaml`, `${folder}/to`);
    expect(ran.status).toBe(1);
    expect(ran.err).toContain("Sync failed due to previous reported error(s)");
    expect(existsSync(`${folder}/to/oci:latest/manifest.json`)).toBe(true);
    expect(existsSync(`${folder}/to/tags:1.1/manifest.json`)).toBe(true);
    expect(existsSync(`${folder}/to/tags:1.0`)).toBe(false);
  });

  test("a directory goes back to a registry, under a suffix too", () => {
    const folder = newFolder();
    done("sync", "--src", "docker", "--dest", "dir", "127.0.0.1:5000/tags:2.0", folder);
    done("sync", "--src", "dir", "--dest", "docker", "--append-suffix=-copy", folder, "127.0.0.1:5000/back");
    expect(done("inspect", "--format", "{{.Digest}}", at("back/tags:2.0-copy"))).toBe(oci.digest);
  });
});

describe("delete, login and digests", () => {
  test("a layout forgets an image and the blobs that nobody needs", () => {
    const folder = newFolder();
    done("copy", at("oci"), `oci:${folder}/l:a`);
    done("copy", at("many:all"), `oci:${folder}/l:b`);
    done("delete", `oci:${folder}/l:a`);
    expect(done("inspect", "--format", "{{.Digest}}", `oci:${folder}/l:b`)).toBe(oci.digest);
    done("delete", `oci:${folder}/l:b`);
    expect(readdirSync(`${folder}/l/blobs/sha256`)).toEqual([]);
    expect(skopeo("delete", "dir:/x").err).toContain("Deleting images not implemented for dir: images");
  });

  test("a login is checked, kept and forgotten", async () => {
    const guarded = await startRegistry({ port: 5001, user: { name: "me", password: "pässword" } });
    const authfile = `${newFolder()}/auth.json`;
    const words = ["--tls-verify=false", "--authfile", authfile];
    const wrong = skopeo("login", ...words, "-u", "me", "-p", "no", guarded.address);
    expect(wrong.err).toContain("invalid username/password");
    const login = run(["skopeo", "login", ...words, "-u", "me", "--password-stdin", guarded.address], { input: "pässword\n" });
    expect([login.status, login.out]).toEqual([0, "Login Succeeded!\n"]);
    expect(done("login", ...words, "--get-login", guarded.address)).toBe("me");
    done("copy", "--dest-tls-verify=false", "--authfile", authfile, at("oci"), `docker://${guarded.address}/oci`);
    done("logout", "--authfile", authfile, guarded.address);
    expect(skopeo("inspect", ...words, `docker://${guarded.address}/oci`).err).toContain("authentication required");
    await guarded.stop();
  }, 30_000);

  test("the digest of a manifest in a file", () => {
    const file = `${newFolder()}/m.json`;
    writeFileSync(file, oci.manifest);
    expect(done("manifest-digest", file)).toBe(oci.digest);
    expect(skopeo("manifest-digest", `${file}.none`).err).toContain("no such file or directory");
  });
});

describe("signatures", () => {
  test("only what the right key signed under the right name gets in", () => {
    const folder = newFolder();
    const env = { GNUPGHOME: `${folder}/gpg` };
    mkdirSync(env.GNUPGHOME, { mode: 0o700 });
    for (const who of ["alice", "bob"]) {
      mustRun(["gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", `${who}@example.com`, "rsa2048"], { env });
      writeFileSync(`${folder}/${who}.gpg`, mustRun(["gpg", "--armor", "--export", `${who}@example.com`], { env }));
    }
    mkdirSync(`${folder}/registries.d`);
    writeFileSync(`${folder}/registries.d/r.yaml`, `docker:\n  127.0.0.1:5000:\n    lookaside: file://${folder}/lookaside\n`);
    const requirement = (who: string) => [{ type: "signedBy", keyType: "GPGKeys", keyPath: `${folder}/${who}.gpg` }];
    const scopes = { "127.0.0.1:5000/signed": requirement("alice"), "127.0.0.1:5000/bobs": requirement("bob") };
    writeFileSync(`${folder}/policy.json`, JSON.stringify({ default: [{ type: "reject" }], transports: { docker: scopes } }));
    const sign = (name: string) =>
      mustRun(["skopeo", "--registries.d", `${folder}/registries.d`, "copy", "--sign-by", "alice@example.com", at("docker"), at(name)], { env });
    const fetch = (name: string) =>
      skopeo("--registries.d", `${folder}/registries.d`, "--policy", `${folder}/policy.json`, "copy", at(name), `dir:${newFolder()}/d`);
    for (const name of ["signed:1", "bobs:1"]) sign(name);
    done("copy", at("docker"), at("signed:unsigned"));
    done("copy", at("oci"), at("signed:none"));
    expect(fetch("signed:1").status).toBe(0);
    expect(fetch("bobs:1").err).toContain("Source image rejected: Invalid GPG signature");
    expect(fetch("signed:unsigned").err).toContain("is not accepted");
    expect(fetch("signed:none").err).toContain("A signature was required, but no signature exists");
  }, 60_000);
});
