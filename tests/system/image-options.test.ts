// Options of verbs for images that other files do not have: listing, history, pulling by platform, saving, pruning; and of a few for the system.
// Source: podman-images(1), podman-history(1), podman-pull(1), podman-save(1), podman-image-prune(1), podman-system-prune(1).

import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build, context } from "../fixtures/context.ts";
import { begin, mustRun, ok, podman, run, shell } from "../fixtures/coracle.ts";
import { architecture, makeIndex } from "../fixtures/image.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry();

afterEach(() => {
  run(["buildah", "rm", "--all"]);
  for (const id of ok("images", "-aq", "--filter", "reference=localhost/*").split("\n").filter(Boolean)) podman("rmi", "-f", id);
  podman("image", "prune", "-f");
});

test("images: --digests --history --sort --noheading --no-trunc", () => {
  ok("tag", IMAGE, "localhost/beta:1");
  build(context(`FROM ${IMAGE}\nRUN head -c 3000000 /dev/zero >/big\n`), "-q", "-t", "localhost/alpha:2");
  const digest = ok("image", "inspect", "--format", "{{.Digest}}", IMAGE);
  const shown = ok("images", "--digests", "localhost/beta").split("\n");
  expect(shown[0]).toMatch(/^REPOSITORY\s+TAG\s+DIGEST\s+IMAGE ID\s+CREATED\s+SIZE$/);
  expect(shown[1]).toContain(digest);
  const names = (...words: string[]): string[] => ok("images", "--format", "{{.Repository}}", ...words).split("\n");
  expect(names("--sort", "repository")).toEqual([IMAGE.split(":latest")[0]!, "localhost/alpha", "localhost/beta"]);
  expect(names("--sort", "size").at(-1)).toBe("localhost/alpha");
  expect(names("--sort", "tag").slice(0, 2)).toEqual(["localhost/beta", "localhost/alpha"]);
  expect(names("--sort", "created")[0]).toBe("localhost/alpha");
  expect(podman("images", "--sort", "colour").err).toContain("colour");
  ok("tag", "localhost/beta:1", "localhost/gamma:1");
  ok("untag", "localhost/gamma:1", "localhost/gamma:1");
  expect(ok("images", "--history", "localhost/beta")).toMatch(/HISTORY\n.*localhost\/gamma:1/);
  expect(ok("images", "-n", "--no-trunc", "localhost/beta")).toMatch(/^localhost\/beta\s+1\s+sha256:[0-9a-f]{64} /);
});

test("history --human=false gives sizes in bytes and times in full", () => {
  build(context(`FROM ${IMAGE}\nRUN head -c 3000000 /dev/zero >/big\n`), "-q", "-t", "localhost/alpha:2");
  const rows = (...words: string[]): string[] => ok("history", ...words, "localhost/alpha:2").split("\n").slice(1);
  expect(rows()[0]).toMatch(/ago\s+.*3\.\d*MB/);
  expect(rows("--human=false")[0]).toMatch(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\s+.*\s30\d{5}\b/);
  const ageless = (row: string | undefined): string | undefined => row?.replace(/(\d+ seconds?|Less than a second|About a minute) ago/, "AGO");
  expect(ageless(rows("--human=true")[0])).toBe(ageless(rows()[0]));
});

test("pull: --arch --os --variant choose from an index, --disable-content-trust changes nothing", async () => {
  const cpu = architecture === "arm64" ? "amd64" : "arm64";
  const [own, other, variant] = [busybox({ form: "oci" }), busybox({ form: "oci", architecture: cpu, config: { Labels: { is: "other" } } }), busybox({ form: "oci", architecture: "arm", config: { Labels: { is: "v6" } } })];
  for (const one of [own, other, variant]) await registry().push(one, "many", one.id);
  await registry().push(makeIndex([{ image: own, architecture }, { image: other, architecture: cpu }, { image: variant, architecture: "arm", variant: "v6" }]), "many");
  const pulled = (...words: string[]): string => ok("pull", "-q", ...words, "127.0.0.1:5000/many");
  expect(pulled("--disable-content-trust")).toBe(own.id);
  expect(pulled("--arch", cpu)).toBe(other.id);
  expect(pulled("--arch", "arm", "--variant", "v6")).toBe(variant.id);
  expect(pulled("--os", "linux")).toBe(own.id);
  expect(podman("pull", "-q", "--os", "windows", "127.0.0.1:5000/many").err).toMatch(/no image found in .*image index for architecture .* OS "?windows/);
  ok("push", "-q", "--disable-content-trust", IMAGE, "127.0.0.1:5000/untrusted");
  ok("rmi", "-f", own.id, other.id, variant.id);
  ok("pull", "-q", IMAGE);
});

test("push --encrypt-layer encrypts the layers it names, and no other", async () => {
  const folder = newFolder("keys");
  mustRun(["openssl", "genrsa", "-out", `${folder}/key.pem`, "2048"]);
  mustRun(["openssl", "rsa", "-in", `${folder}/key.pem`, "-pubout", "-out", `${folder}/key.pub`]);
  build(context(`FROM ${IMAGE}\nRUN echo two >/two\n`), "-q", "-t", "localhost/layered");
  ok("push", "-q", "--encryption-key", `jwe:${folder}/key.pub`, "--encrypt-layer", "-1", "localhost/layered", "127.0.0.1:5000/part:1");
  const { layers } = (await (await registry().request("/v2/part/manifests/1", { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } })).json()) as { layers: { mediaType: string }[] };
  expect(layers.map(({ mediaType }) => mediaType.endsWith("+encrypted"))).toEqual([false, true]);
  expect(podman("push", "-q", "--encrypt-layer", "0", IMAGE, "127.0.0.1:5000/part:2").err).toContain("--encrypt-layer can only be used with --encryption-key");
});

test("rmi --no-prune leaves the nameless parent, without it that goes too", () => {
  const make = (): string => {
    const parent = build(context(`FROM ${IMAGE}\nRUN echo ${Math.random()} >/one\n`), "-q");
    build(context(`FROM ${parent}\nRUN echo two >/two\n`), "-q", "-t", "localhost/child");
    return parent;
  };
  const first = make();
  ok("rmi", "--no-prune", "localhost/child");
  expect(podman("image", "exists", first).status).toBe(0);
  const second = make();
  ok("rmi", "localhost/child");
  expect(podman("image", "exists", second).status).toBe(1);
});

test("save: --compress --multi-image-archive --uncompressed", () => {
  const folder = newFolder("saved");
  build(context(`FROM ${IMAGE}\nENV A=1\n`), "-q", "-t", "localhost/alpha:2");
  ok("save", "-q", "-m", "-o", `${folder}/two.tar`, IMAGE, "localhost/alpha:2");
  const manifest = JSON.parse(shell(`tar -xOf ${folder}/two.tar manifest.json`).out) as { RepoTags: string[] }[];
  expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([[IMAGE], ["localhost/alpha:2"]]);
  expect(podman("save", "-q", "-m", "--format", "oci-archive", "-o", `${folder}/x.tar`, IMAGE, "localhost/alpha:2").err).toContain("docker-archive");
  const packed = (name: string, ...words: string[]): boolean[] => {
    ok("save", "-q", ...words, "-o", `${folder}/${name}`, IMAGE);
    return readdirSync(`${folder}/${name}`).filter(one => /^[0-9a-f]{64}$/.test(one)).map(one => readFileSync(`${folder}/${name}/${one}`).subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))).sort();
  };
  expect(packed("packed", "--format", "docker-dir", "--compress")).toEqual([false, true]);
  // What came in a docker-archive is kept plain.
  ok("save", "-q", "-o", `${folder}/one.tar`, IMAGE);
  ok("rmi", "-f", IMAGE, "localhost/alpha:2");
  ok("load", "-q", "-i", `${folder}/one.tar`);
  expect(packed("plain", "--format", "docker-dir")).toEqual([false, false]);
  expect(packed("packed-too", "--format", "docker-dir", "--compress")).toEqual([false, true]);
  expect(podman("save", "--compress", "-o", `${folder}/y.tar`, IMAGE).err).toContain("--compress can only be set when --format is 'docker-dir'");
  ok("save", "-q", "--format", "oci-dir", "-o", `${folder}/oci`, IMAGE);
  ok("save", "-q", "--format", "oci-dir", "--uncompressed", "-o", `${folder}/open`, IMAGE);
  const types = (name: string): string[] => {
    const [{ digest }] = JSON.parse(readFileSync(`${folder}/${name}/index.json`, "utf8")).manifests;
    return JSON.parse(readFileSync(`${folder}/${name}/blobs/${digest.replace(":", "/")}`, "utf8")).layers.map(({ mediaType }: { mediaType: string }) => mediaType.split(".").at(-1)!);
  };
  expect([types("oci"), types("open")]).toEqual([["tar+gzip"], ["tar"]]);
});

test("search --no-trunc gives descriptions whole", async () => {
  const description = "a description that goes on for longer than the forty-four characters of the table";
  using server = Bun.serve({ port: 5046, hostname: "127.0.0.1", fetch: ({ url }) => new URL(url).pathname === "/v1/search"
    ? Response.json({ num_results: 1, results: [{ name: "boat", description, star_count: 3, is_official: false, is_automated: false }] }) : new Response("{}", { headers: { "docker-distribution-api-version": "registry/2.0" } }) });
  const search = async (...words: string[]): Promise<string> => {
    const searching = begin(["podman", "search", "--tls-verify=false", ...words, `127.0.0.1:${server.port}/boat`]);
    await searching.exited;
    return searching.out();
  };
  expect(await search()).toContain(`${description.slice(0, 44).trim()}...`);
  expect(await search("--no-trunc")).toContain(description);
});

test("prune: image --external, system --build and --external take what builds left", async () => {
  build(context(`FROM ${IMAGE}\nENV A=1\n`), "-q", "-t", "localhost/alpha:2");
  const working = mustRun(["buildah", "from", "localhost/alpha:2"]);
  ok("untag", "localhost/alpha:2");
  ok("image", "prune", "-f", "--all", "--filter", "label!=x");
  expect(mustRun(["buildah", "containers", "--format", "{{.ContainerName}}"])).toBe(working);
  ok("image", "prune", "-f", "--external");
  expect(mustRun(["buildah", "containers", "-q"])).toBe("");
  ok("pull", "-q", IMAGE);
  mustRun(["buildah", "from", IMAGE]);
  ok("system", "prune", "-f");
  expect(mustRun(["buildah", "containers", "-q"])).not.toBe("");
  ok("system", "prune", "-f", "--build");
  expect(mustRun(["buildah", "containers", "-q"])).toBe("");
  writeFileSync("/var/lib/containers/coracle/blobs/sha256/left.partial", "left");
  expect(podman("system", "prune", "--external", "--all").err).toContain("--external cannot be combined with other options");
  ok("system", "prune", "-f", "--external");
  expect(podman("image", "exists", IMAGE).status).toBe(0);
});

test("completion: --file --no-desc; events --no-trunc; buildx inspect --bootstrap", async () => {
  const file = `${newFolder("completion")}/podman.bash`;
  expect(ok("completion", "-f", file, "bash")).toBe("");
  expect(`${ok("completion", "bash")}\n`).toBe(readFileSync(file, "utf8"));
  for (const name of ["zsh", "fish"]) {
    const asks = (...words: string[]): string[] => ok("completion", ...words, name).match(/\b__complete\w*/g)!.filter(word => !word.includes("podman"));
    expect([asks().includes("__completeNoDesc"), asks("--no-desc").includes("__complete"), asks("--no-desc").includes("__completeNoDesc")]).toEqual([false, false, true]);
  }
  expect(podman("completion", "--file", "/no/such/folder/x", "bash").status).toBe(125);
  const id = ok("create", "--name", "evented", IMAGE, "true");
  const shown = (...words: string[]): string => ok("events", "--stream=false", "--filter", "event=create", "--filter", "container=evented", ...words);
  expect([shown().includes(id), shown("--no-trunc=false").includes(id), shown("--no-trunc=false").includes(id.slice(0, 12))]).toEqual([true, false, true]);
  ok("rm", "evented");
  expect(ok("buildx", "inspect", "--bootstrap")).toBe(ok("buildx", "inspect"));
});
