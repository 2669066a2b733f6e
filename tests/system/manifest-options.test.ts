// Options of manifest add, annotate and push: what the index says afterwards, here and where it was sent.
// Source: podman-manifest-add(1), podman-manifest-annotate(1), podman-manifest-push(1); OCI image-spec image-index.md.

import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { ok, podman, run, shell } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry();

const index = (name: string): Record<string, any> => JSON.parse(ok("manifest", "inspect", name));
const entry = (name: string, at = 0): Record<string, any> => index(name)["manifests"][at];
const manifestTypes = "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.v2+json,application/vnd.docker.distribution.manifest.list.v2+json";
const remote = async (path: string): Promise<any> => (await registry().request(`/v2/${path}`, { headers: { accept: manifestTypes } })).json();
const file = (text: string, name = "file"): string => {
  const path = `${newFolder("manifest")}/${name}`;
  writeFileSync(path, text);
  return path;
};

afterEach(() => {
  podman("manifest", "rm", "list");
});

test("add: --features --os --os-features --os-version --annotation", () => {
  ok("manifest", "create", "list");
  ok("manifest", "add", "--os", "windows", "--os-version", "10.0.1", "--os-features", "win32k,other", "--features", "sse4,aes", "--annotation", "a=b", "list", IMAGE);
  const { platform, annotations } = entry("list");
  expect(platform).toMatchObject({ os: "windows", "os.version": "10.0.1", "os.features": ["win32k", "other"] });
  expect(annotations).toEqual({ a: "b" });
});

test("annotate: --features --os --os-features --os-version --subject", () => {
  ok("manifest", "create", "list", IMAGE);
  const { digest } = entry("list");
  ok("manifest", "annotate", "--os", "plan9", "--os-version", "4", "--os-features", "f1", "--features", "f2", "--arch", "mips", "list", digest);
  expect(entry("list")["platform"]).toMatchObject({ os: "plan9", "os.version": "4", "os.features": ["f1"], architecture: "mips" });
  ok("manifest", "annotate", "--subject", IMAGE, "list");
  expect(index("list")["subject"]).toMatchObject({ digest: ok("image", "inspect", "--format", "{{.Digest}}", IMAGE) });
  expect(podman("manifest", "annotate", "--subject", "127.0.0.1:5000/none", "list").status).toBe(125);
  expect(podman("manifest", "annotate", "--index", "--os-version", "1", "list").err).toContain("--index is not compatible with --os-version");
});

test("add --artifact: --artifact-annotation --artifact-config --artifact-config-type --artifact-exclude-titles --artifact-layer-type --artifact-subject", async () => {
  ok("manifest", "create", "list");
  const config = file('{"a":1}', "config.json");
  ok("manifest", "add", "--artifact", "--artifact-type", "application/x-boat", "--artifact-annotation", "hull=tar", "--artifact-config", config, "--artifact-config-type", "application/x-config+json",
    "--artifact-layer-type", "application/x-plank", "--artifact-subject", IMAGE, "list", file("plank", "plank"));
  ok("manifest", "push", "-q", "list", "127.0.0.1:5000/boats:1");
  const [{ digest, artifactType }] = (await remote("boats/manifests/1")).manifests;
  expect(artifactType).toBe("application/x-boat");
  const made = await remote(`boats/manifests/${digest}`);
  expect(made).toMatchObject({
    artifactType: "application/x-boat", annotations: { hull: "tar" }, config: { mediaType: "application/x-config+json", size: 7 },
    layers: [{ mediaType: "application/x-plank", size: 5, annotations: { "org.opencontainers.image.title": "plank" } }],
    subject: { digest: ok("image", "inspect", "--format", "{{.Digest}}", IMAGE) },
  });
  ok("manifest", "rm", "list");
  ok("manifest", "create", "list");
  ok("manifest", "add", "--artifact", "--artifact-exclude-titles", "list", file("plank", "plank"));
  ok("manifest", "push", "-q", "list", "127.0.0.1:5000/boats:2");
  // A list without an image for this machine has names too.
  expect(podman("tag", "list", "localhost/other-list")).toEqual({ status: 0, out: "", err: "" });
  ok("untag", "localhost/other-list", "localhost/other-list");
  const untitled = await remote(`boats/manifests/${(await remote("boats/manifests/2")).manifests[0].digest}`);
  expect(untitled.layers[0].annotations ?? {}).toEqual({});
  const typed = (name: string, text: string): string => {
    const folder = newFolder("typed");
    ok("manifest", "create", "typed");
    ok("manifest", "add", "--artifact", "typed", file(text, name));
    ok("manifest", "push", "--all", "typed", `dir:${folder}`);
    ok("manifest", "rm", "typed");
    return shell(`grep -ho '"layers":.*' ${folder}/*.manifest.json`).out.match(/"mediaType":"([^"]*)"/)![1]!;
  };
  expect(["a.txt", "a.json", "a.xml", "a.gz", "a.html"].map(name => typed(name, "x"))).toEqual(["text/plain", "application/json", "application/xml", "application/gzip", "text/html"]);
  expect(typed("plain", "words")).toBe("text/plain");
  expect(typed("page", "<html> x")).toBe("text/html");
  expect(typed("noise", "\0\0")).toBe("application/octet-stream");
  expect(podman("manifest", "add", "--artifact", "--artifact-config", "/no/such", "list", file("x")).err).toContain("/no/such");
});

/** Digest, platform and how the layers are packed, of each member. */
async function members(repository: string, tag = "1"): Promise<[string, string | undefined, string][]> {
  const { manifests } = await remote(`${repository}/manifests/${tag}`);
  return Promise.all(manifests.map(async (one: any) => {
    const { layers } = await remote(`${repository}/manifests/${one.digest}`);
    return [one.digest, one.annotations?.["io.github.containers.compression.zstd"], /gzip|zstd|tar$/.exec(layers[0].mediaType)![0]];
  }));
}

test("push --add-compression adds instances, marked and after those for everyone; again it adds nothing", async () => {
  ok("manifest", "create", "list", IMAGE);
  const digest = ok("image", "inspect", "--format", "{{.Digest}}", IMAGE);
  ok("manifest", "push", "-q", "--all", "--add-compression", "gzip", "--add-compression", "zstd", "list", "127.0.0.1:5000/both:1");
  const both = await members("both");
  expect(both).toEqual([[digest, undefined, "gzip"], [expect.stringMatching(/^sha256:/), "true", "zstd"]]);
  const [gzip, zstd] = (await remote("both/manifests/1")).manifests;
  expect(zstd.platform).toEqual(gzip.platform);
  ok("pull", "-q", `127.0.0.1:5000/both@${both[1]![0]}`);
  expect(ok("run", "--rm", "--network", "none", `127.0.0.1:5000/both@${both[1]![0]}`, "echo", "from zstd")).toBe("from zstd");
  ok("pull", "-q", IMAGE);
  ok("manifest", "rm", "list");
  ok("manifest", "create", "--all", "list", "docker://127.0.0.1:5000/both:1");
  ok("manifest", "push", "-q", "--add-compression", "zstd,gzip", "list", "127.0.0.1:5000/again:1");
  expect((await members("again")).map(([one]) => one)).toEqual(both.map(([one]) => one));
});

test("containers.conf's add_compression is the default, and what cannot hold such instances is refused by name", async () => {
  ok("manifest", "create", "list", IMAGE);
  const env = { CONTAINERS_CONF_OVERRIDE: file('[engine]\nadd_compression = ["zstd"]\n', "containers.conf") };
  expect(run(["podman", "manifest", "push", "-q", "list", "127.0.0.1:5000/conf:1"], { env }).status).toBe(0);
  expect((await members("conf")).map(([, , packed]) => packed)).toEqual(["gzip", "zstd"]);
  for (const words of [["--format", "v2s2"], ["--all=false"]]) {
    expect(podman("manifest", "push", "-q", "--add-compression", "zstd", ...words, "list", "127.0.0.1:5000/refused:1").err).toContain("cannot add compressed instances");
  }
  expect(podman("manifest", "push", "-q", "--add-compression", "zup", "list", "127.0.0.1:5000/refused:1").err).toContain('cannot find compressor for "zup"');
  expect((await registry().request("/v2/refused/manifests/1", { headers: { accept: manifestTypes } })).status).toBe(404);
});

test("push --compression-format --compression-level --force-compression pack the members", async () => {
  const folder = newFolder("plain");
  ok("save", "-q", "-o", `${folder}/plain.tar`, IMAGE);
  const plain = shell(`podman load -q -i ${folder}/plain.tar`).out.trim();
  expect(plain).toContain("busybox");
  ok("manifest", "create", "list", IMAGE);
  ok("manifest", "push", "-q", "--compression-format", "zstd", "--compression-level", "1", "list", "127.0.0.1:5000/packed:1");
  ok("manifest", "push", "-q", "--compression-format", "zstd", "--compression-level", "19", "--force-compression", "list", "127.0.0.1:5000/packed:2");
  expect([(await members("packed")).map(([, , packed]) => packed), (await members("packed", "2")).map(([, , packed]) => packed)]).toEqual([["zstd"], ["zstd"]]);
  const size = async (tag: string): Promise<number> => (await remote(`packed/manifests/${(await members("packed", tag))[0]![0]}`)).layers[0].size;
  expect(await size("2")).toBeLessThan(await size("1"));
});

test("push signs with --sign-by-sigstore and a parameter file, as push and artifact push do", async () => {
  const folder = newFolder("sigstore");
  writeFileSync(`${folder}/pass`, "word");
  expect(run(["skopeo", "generate-sigstore-key", "--output-prefix", `${folder}/key`, "--passphrase-file", `${folder}/pass`]).status).toBe(0);
  const parameters = `${folder}/parameters.yaml`;
  writeFileSync(parameters, `privateKeyFile: ${folder}/key.private\nprivateKeyPassphraseFile: ${folder}/pass\n`);
  const attachments = "/etc/containers/registries.d/here.yaml";
  shell(`mkdir -p /etc/containers/registries.d; printf 'docker:\\n  127.0.0.1:5000:\\n    use-sigstore-attachments: true\\n' >${attachments}`);
  ok("manifest", "create", "list", IMAGE);
  ok("artifact", "add", "127.0.0.1:5000/signed-artifact:1", file("x", "thing"));
  ok("manifest", "push", "-q", "--sign-by-sigstore", parameters, "list", "127.0.0.1:5000/signed-list:1");
  ok("push", "-q", "--sign-by-sigstore", parameters, IMAGE, "127.0.0.1:5000/signed-image:1");
  ok("artifact", "push", "-q", "--sign-by-sigstore", parameters, "127.0.0.1:5000/signed-artifact:1");
  for (const name of ["signed-list", "signed-image", "signed-artifact"]) {
    const { tags } = await remote(`${name}/tags/list`);
    expect([name, tags.filter((tag: string) => /^sha256-[0-9a-f]{64}\.sig$/.test(tag)).length]).toEqual([name, name === "signed-list" ? 2 : 1]);
  }
  expect(podman("push", "-q", "--sign-by-sigstore", "/no/such", IMAGE, "127.0.0.1:5000/signed-image:2").err).toContain("/no/such");
  shell(`rm ${attachments}`);
});

test("inspect of what is nowhere says which place it read", () => {
  expect(podman("manifest", "inspect", "127.0.0.1:9/none:1")).toMatchObject({ status: 125, err: expect.stringContaining('reading image "docker://127.0.0.1:9/none:1": pinging container registry 127.0.0.1:9: ') });
});
