// podman artifact: files as OCI artifacts, kept, listed, sent, fetched, extracted and mounted.
// Source: podman-artifact(1) and its commands; podman-run(1), --mount type=artifact.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { digestOf, jsonBytes } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry();
const place = "/var/lib/containers/coracle/blobs/sha256";
const title = "org.opencontainers.image.title";

function file(name: string, content: string): string {
  const path = `${newFolder("artifact")}/${name}`;
  writeFileSync(path, content);
  return path;
}

const inspect = (name: string): Inspected => JSON.parse(ok("artifact", "inspect", name)) as Inspected;

interface Inspected {
  readonly Name: string;
  readonly Digest: string;
  readonly Manifest: {
    readonly artifactType?: string;
    readonly config: { readonly mediaType: string };
    readonly layers: readonly { mediaType: string; digest: string; size: number; annotations: Record<string, string> }[];
    readonly annotations: Record<string, string>;
  };
}

test("files become an artifact with types, titles and a time; its digest is printed", () => {
  const digest = ok("artifact", "add", "--type", "example/model", "--annotation", "colour=blue", "local/typed", file("a.txt", "hello\n"), file("b.html", "<html>"));
  const found = inspect("local/typed");
  expect(found.Name).toBe("local/typed:latest");
  expect(found.Digest).toBe(`sha256:${digest}`);
  expect(found.Manifest.artifactType).toBe("example/model");
  expect(found.Manifest.config.mediaType).toBe("application/vnd.oci.empty.v1+json");
  expect(found.Manifest.layers.map(layer => [layer.mediaType, layer.size, layer.annotations])).toEqual([
    ["text/plain; charset=utf-8", 6, { [title]: "a.txt", colour: "blue" }],
    ["text/html; charset=utf-8", 6, { [title]: "b.html", colour: "blue" }],
  ]);
  const created = found.Manifest.annotations["org.opencontainers.image.created"]!;
  expect(Math.abs(Date.parse(created) - Date.now())).toBeLessThan(60_000);
  expect(found.Manifest.annotations["colour"]).toBe("blue");
  for (const name of [digest, digest.slice(0, 12), found.Digest]) expect(inspect(name).Name).toBe("local/typed:latest");
  ok("artifact", "rm", "local/typed");
});

test("--file-type is taken as it is", () => {
  ok("artifact", "add", "--file-type", "application/vnd.gguf", "local/kind", file("m", "x"));
  expect(inspect("local/kind").Manifest.layers[0]!.mediaType).toBe("application/vnd.gguf");
  ok("artifact", "rm", "local/kind");
});

test("a name that is there is refused, added to with --append, and replaced with --replace", () => {
  const [one, two] = [file("one", "1"), file("two", "2")];
  ok("artifact", "add", "local/grow", one);
  const first = inspect("local/grow");
  const again = podman("artifact", "add", "local/grow", two);
  expect([again.status, again.err]).toEqual([125, expect.stringContaining("Error: local/grow:latest: artifact already exists\n")]);
  ok("artifact", "add", "--append", "--annotation", "k=v", "local/grow", two);
  const grown = inspect("local/grow");
  expect(grown.Manifest.layers.map(layer => layer.annotations[title])).toEqual(["one", "two"]);
  expect(grown.Manifest.layers.map(layer => layer.annotations["k"])).toEqual([undefined, "v"]);
  expect(grown.Manifest.annotations).toEqual(first.Manifest.annotations);
  ok("artifact", "add", "--replace", "local/grow", two);
  expect(inspect("local/grow").Manifest.layers.map(layer => layer.annotations[title])).toEqual(["two"]);
  ok("artifact", "add", "--replace", "local/fresh", two);
  ok("artifact", "rm", "local/grow", "local/fresh");
});

for (const [what, words, message] of [
  ["--append with --replace", ["--append", "--replace", "x", "/etc/passwd"], "--append and --replace options cannot be used together"],
  ["--append with --type", ["--append", "--type", "t", "x", "/etc/passwd"], "append option is not compatible with type option"],
  ["--append to what is not there", ["--append", "nowhere", "/etc/passwd"], "nowhere:latest: artifact does not exist"],
  ["the same file twice", ["x", "/etc/passwd", "/etc/passwd"], "passwd: file already exists in artifact"],
  ["one title for two files", ["--annotation", `${title}=t`, "x", "/etc/passwd", "/etc/group"], `duplicate layers ${title} labels within an artifact not allowed`],
  ["an annotation without a value", ["--annotation", "bare", "x", "/etc/passwd"], 'no value given for annotation "bare"'],
  ["a missing file", ["x", "/etc/passwd", "/no/such"], "open /no/such: no such file or directory"],
  ["a directory", ["x", "/etc"], "read /etc: is a directory"],
  ["a name in capitals", ["UPPER", "/etc/passwd"], 'parsing reference "UPPER": repository name must be lowercase'],
  ["no file", ["x"], "requires at least 2 arg(s), only received 1"],
] as const) {
  test(`add refuses ${what}, and nothing is left`, () => {
    const ran = podman("artifact", "add", ...words);
    expect(ran.status).toBe(125);
    expect(ran.err).toStartWith(`Error: ${message}\n`);
    expect(ok("artifact", "ls", "-n")).toBe("");
  });
}

test("ls shows names, short digests and sizes, by every format", () => {
  const digest = ok("artifact", "add", "reg.example.com/a/b:v1", file("f", "x".repeat(4192)));
  expect(ok("artifact", "ls").split("\n")[0]).toMatch(/^REPOSITORY +TAG +DIGEST +CREATED +SIZE$/);
  expect(ok("artifact", "ls", "--format", "{{.Repository}} {{.Tag}} {{.Digest}} {{.Size}} {{.VirtualSize}}")).toBe(`reg.example.com/a/b v1 ${digest.slice(0, 12)} 4.192kB 4192`);
  expect(ok("artifact", "ls", "--no-trunc", "--format", "{{.Digest}}")).toBe(digest);
  expect(ok("artifact", "ls", "--noheading")).toMatch(/^reg\.example\.com\/a\/b {2}v1 /);
  expect(ok("artifact", "ls", "--format", "{{.Created}}")).toMatch(/^(Less than a second|1 second|\d+ seconds) ago$/);
  expect(ok("artifact", "ls", "--format", "{{.CreatedAt}}")).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC$/);
  expect(JSON.parse(ok("artifact", "ls", "--format", "json"))).toMatchObject([{ Repository: "reg.example.com/a/b", Tag: "v1", VirtualSize: 4192 }]);
  expect(ok("artifact", "inspect", "-f", "{{.Artifact.Name}} {{.TotalSizeBytes}} {{len .Manifest.Layers}}", digest.slice(0, 8))).toBe("reg.example.com/a/b:v1 4192 1");
  ok("artifact", "rm", "--all");
});

test("an artifact goes to a registry and comes back the same", () => {
  const name = "127.0.0.1:5000/test/artifact:mytag";
  const digest = ok("artifact", "add", name, file("data", "some data\n"));
  const noted = `${newFolder()}/digest`;
  ok("artifact", "push", "-q", "--digestfile", noted, name);
  expect(readFileSync(noted, "utf8")).toBe(`sha256:${digest}`);
  ok("artifact", "rm", name);
  expect(podman("artifact", "inspect", name).err).toStartWith(`Error: ${name}: artifact does not exist\n`);
  expect(ok("artifact", "pull", "-q", name)).toBe(digest);
  expect(inspect(name).Name).toBe(name);
  ok("artifact", "extract", name, `${newFolder()}/copy`);
  ok("artifact", "rm", digest.slice(0, 12));
});

test("a policy that refuses everything keeps artifacts out", () => {
  const policy = file("policy.json", '{"default":[{"type":"reject"}]}');
  const ran = podman("artifact", "pull", "--signature-policy", policy, "127.0.0.1:5000/test/artifact:mytag");
  expect(ran.status).toBe(125);
  expect(ran.err).toContain("rejected by policy");
  expect(podman("artifact", "pull", "--retry", "1", "--retry-delay", "10ms", "127.0.0.1:9/none").err).toMatch(/retrying in 10ms[^]*connection refused/);
});

test("blobs are extracted into a directory, or one into a file", () => {
  ok("artifact", "add", "local/two", file("one", "1\n"), file("two", "2\n"));
  const folder = newFolder();
  ok("artifact", "extract", "local/two", folder);
  expect(readdirSync(folder).sort()).toEqual(["one", "two"]);
  ok("artifact", "extract", "--title", "two", "local/two", `${folder}/other`);
  expect(readFileSync(`${folder}/other`, "utf8")).toBe("2\n");
  const { digest } = inspect("local/two").Manifest.layers[0]!;
  ok("artifact", "extract", "--digest", digest, "local/two", folder);
  expect(readFileSync(`${folder}/${digest.replace(":", "-")}`, "utf8")).toBe("1\n");
  for (const [words, message] of [
    [["local/two", `${folder}/new`], "the artifact consists of several blobs and the target"],
    [["--digest", "blah", "local/two", folder], 'no blob with the digest "blah"'],
    [["--title", "blah", "local/two", folder], 'no blob with the title "blah"'],
    [["--digest", digest, "--title", "one", "local/two", folder], "cannot specify both digest and title"],
    [["local/none", folder], "local/none: artifact does not exist"],
  ] as const) {
    expect(podman("artifact", "extract", ...words).err).toContain(message);
  }
  ok("artifact", "rm", "local/two");
});

test("what was damaged on the disk is not extracted", () => {
  ok("artifact", "add", "local/broken", file("f", "right"));
  const { digest } = inspect("local/broken").Manifest.layers[0]!;
  run(["bash", "-c", `chmod u+w ${place}/${digest.slice(7)}; printf wrong > ${place}/${digest.slice(7)}`]);
  const target = `${newFolder()}/out`;
  expect(podman("artifact", "extract", "local/broken", target).err).toContain("what is stored has another digest");
  expect(run(["ls", target]).status).not.toBe(0);
  ok("artifact", "rm", "local/broken");
});

async function pushRaw(name: string, layers: readonly { text: string; title?: string }[]): Promise<void> {
  const upload = async (bytes: Uint8Array): Promise<string> => {
    const begun = await registry().request(`/v2/${name}/blobs/uploads/`, { method: "POST" });
    const where = begun.headers.get("location")!;
    await registry().request(where.replace(/^https?:\/\/[^/]+/, "") + `&digest=${digestOf(bytes)}`, { method: "PUT", body: bytes as BodyInit });
    return digestOf(bytes);
  };
  const config = jsonBytes({});
  const listed = [];
  for (const { text, title: called } of layers) {
    const bytes = new TextEncoder().encode(text);
    listed.push({ mediaType: "text/plain", digest: await upload(bytes), size: bytes.length, ...(called === undefined ? {} : { annotations: { [title]: called } }) });
  }
  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = { schemaVersion: 2, mediaType: type, config: { mediaType: "application/vnd.oci.empty.v1+json", digest: await upload(config), size: 2 }, layers: listed };
  const put = await registry().request(`/v2/${name}/manifests/v1`, { method: "PUT", body: JSON.stringify(manifest), headers: { "content-type": type } });
  expect(put.status).toBe(201);
}

test("a title that leads out of the directory is refused, before anything is written", async () => {
  await pushRaw("evil", [{ text: "fine\n", title: "fine" }, { text: "evil\n", title: "../../tmp/evil" }]);
  const name = "127.0.0.1:5000/evil:v1";
  ok("artifact", "pull", "-q", name);
  const folder = newFolder();
  const ran = podman("artifact", "extract", name, folder);
  expect(ran.status).toBe(125);
  expect(ran.err).toContain('invalid name: "../../tmp/evil" cannot contain /');
  expect(readdirSync(folder)).toEqual([]);
  const { digest } = inspect(name).Manifest.layers[1]!;
  ok("artifact", "extract", "--digest", digest, name, folder);
  expect(readdirSync(folder)).toEqual([digest.replace(":", "-")]);
  expect(podman("run", "--rm", "--mount", `type=artifact,src=${name},dst=/data`, IMAGE, "ls", "/data").err).toContain("cannot contain /");
  ok("artifact", "rm", name);
});

test("blobs are mounted by title, digest or a name of one's own, where the container has a place for them", async () => {
  await pushRaw("untitled", [{ text: "first\n" }, { text: "second\n" }]);
  const untitled = "127.0.0.1:5000/untitled:v1";
  ok("artifact", "pull", "-q", untitled);
  ok("artifact", "add", "local/single", file("one", "single\n"));
  const cat = (mount: string, ...paths: string[]) => ok("run", "--rm", "--network", "none", "--user", "1000", "--mount", `type=artifact,${mount}`, IMAGE, "cat", ...paths);
  expect(cat("src=local/single,dst=/new", "/new")).toBe("single");
  expect(cat("src=local/single,dst=/etc/passwd", "/etc/passwd")).toBe("single");
  expect(cat("src=local/single,dst=/tmp", "/tmp/one")).toBe("single");
  expect(cat("src=local/single,dst=/tmp,name=own", "/tmp/own")).toBe("single");
  const [first, second] = inspect(untitled).Manifest.layers.map(({ digest }) => digest.replace(":", "-"));
  expect(cat(`src=${untitled},dst=/all`, `/all/${first}`, `/all/${second}`)).toBe("first\nsecond");
  expect(cat(`src=${untitled},dst=/all,name=part`, "/all/part-0", "/all/part-1")).toBe("first\nsecond");
  expect(cat(`src=${untitled},dst=/tmp,digest=${second!.replace("-", ":")}`, `/tmp/${second}`)).toBe("second");
  expect(podman("run", "--rm", "--mount", "type=artifact,src=local/single,dst=/new", IMAGE, "sh", "-c", "echo x > /new").err).toContain("Read-only file system");
  ok("artifact", "rm", untitled);
});

test("a container whose artifact is gone runs on, does not start again, and takes what the name leads to then", () => {
  ok("create", "--name", "holder", "--network", "none", "--mount", "type=artifact,src=local/single,dst=/tmp", IMAGE, "sleep", "100");
  ok("start", "holder");
  ok("artifact", "rm", "local/single");
  expect(ok("exec", "holder", "cat", "/tmp/one")).toBe("single");
  expect(podman("restart", "-t0", "holder").err).toContain("local/single:latest: artifact does not exist");
  ok("artifact", "add", "local/single", file("one", "anew\n"), file("two", "too\n"));
  ok("start", "holder");
  expect(ok("exec", "holder", "cat", "/tmp/one", "/tmp/two")).toBe("anew\ntoo");
  ok("rm", "-f", "-t0", "holder");
  ok("artifact", "rm", "local/single");
});

for (const [mount, message] of [
  ["type=artifact,src=local/none,dst=/x", "local/none:latest: artifact does not exist"],
  ["type=artifact,src=local/none", "must set source and destination for artifact mount"],
  ["type=artifact,src=local/none,dst=/x,ro=false", "ro: invalid mount option"],
  ["type=artifact,src=local/none,dst=/x,title=a,digest=b", "cannot specify both digest and title"],
  ["type=bind,src=/tmp,dst=/x,title=a", "title: invalid mount option"],
] as const) {
  test(`a mount is refused at create: ${mount}`, () => {
    const ran = podman("create", "--mount", mount, IMAGE);
    expect([ran.status, ran.err.split("\n")[0]]).toEqual([125, `Error: ${message}`]);
  });
}

test("what only a removed artifact needed goes, and images do not need it", () => {
  const { digest } = ((): { digest: string } => {
    ok("artifact", "add", "local/gone", file("f", `only here ${Math.random()}`));
    return inspect("local/gone").Manifest.layers[0]!;
  })();
  const other = ok("pull", "-q", IMAGE);
  expect(readdirSync(place)).toContain(digest.slice(7));
  ok("image", "prune", "-a", "-f");
  expect(readdirSync(place)).toContain(digest.slice(7));
  ok("artifact", "rm", "local/gone");
  expect(readdirSync(place)).not.toContain(digest.slice(7));
  expect(other).toMatch(/^[0-9a-f]{64}$/);
  ok("pull", "-q", IMAGE);
});

test("rm says what it does not know, goes on, and --ignore is silent about it", () => {
  ok("artifact", "add", "local/here", file("f", "x"));
  const ran = podman("artifact", "rm", "foobar", "local/here");
  expect([ran.status, ran.err.split("\n")[0]]).toEqual([125, "Error: foobar: artifact does not exist"]);
  expect(ran.out).toMatch(/^[0-9a-f]{64}\n$/);
  expect(podman("artifact", "rm", "-i", "foobar")).toEqual({ status: 0, out: "", err: "" });
  expect(podman("artifact", "rm").err).toContain("at least one artifact name or digest must be specified");
  expect(podman("artifact", "rm", "-a", "x").err).toContain("when using the --all switch, you may not pass any artifact names or digests");
});

test("names complete", () => {
  ok("artifact", "add", "local/word", file("f", "x"));
  expect(ok("__complete", "artifact", "rm", "")).toContain("local/word:latest\n");
  expect(ok("__complete", "artifact", "inspect", "--format", "{{.")).toBe("{{.TotalSizeBytes}}\n{{.Artifact.\n{{.Digest}}\n{{.Manifest.\n{{.Name}}\n:6");
  ok("artifact", "rm", "--all");
});

test("--sign-by-sq-fingerprint is refused by name, and keys are asked before anything is sent", () => {
  ok("artifact", "add", "127.0.0.1:5000/sign/me", file("f", "x"));
  expect(podman("artifact", "push", "--sign-by-sq-fingerprint", "AB", "127.0.0.1:5000/sign/me").err).toContain("signing with Sequoia-PGP is not supported");
  expect(podman("artifact", "push", "--sign-by-sigstore-private-key", "/no/key", "--sign-passphrase-file", "/no/pass", "127.0.0.1:5000/sign/me").err).toContain("/no/pass");
  ok("artifact", "rm", "--all");
});
