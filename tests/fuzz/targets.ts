// Everything that takes text or bytes from outside, each with samples and the words of its format.

import { parseDigest } from "../../src/base/digest.ts";
import { parseGoDuration } from "../../src/base/duration.ts";
import { parseSize } from "../../src/base/bytes.ts";
import { globPattern } from "../../src/base/go-glob.ts";
import { parseToml } from "../../src/base/toml.ts";
import { parseYaml } from "../../src/base/yaml.ts";
import { expandWords } from "../../src/build/containerfile/expand.ts";
import { parseContainerfile } from "../../src/build/containerfile/parse.ts";
import { ignorePatterns, ignoreRules } from "../../src/build/ignore.ts";
import { planBuild } from "../../src/build/plan.ts";
import { Misread } from "../../src/cli/flag.ts";
import { renderTemplate } from "../../src/cli/template/evaluate.ts";
import { readMount } from "../../src/commands/container/written/mount-option.ts";
import { readNetworks } from "../../src/commands/container/written/networks.ts";
import { readPort } from "../../src/commands/container/written/ports.ts";
import { readSecurityOption, readSecret, readUlimit } from "../../src/commands/container/written/security.ts";
import { readVolume } from "../../src/commands/container/written/volumes.ts";
import { splitWords } from "../../src/commands/container/written/words.ts";
import { parseAddress, parseSubnet } from "../../src/engine/networks/addresses.ts";
import { readConfig } from "../../src/image/config.ts";
import { rawManifest, readManifest } from "../../src/image/manifest.ts";
import { parsePolicy } from "../../src/image/policy.ts";
import { parseReference, referenceText } from "../../src/image/reference.ts";
import { readSchema1 } from "../../src/image/schema1/schema1.ts";
import { derItems, readDer } from "../../src/image/signature/der.ts";
import { readSignature } from "../../src/image/signature/form.ts";
import { readRanges } from "../../src/kernel/subordinate-ids.ts";
import { readChallenges } from "../../src/registry/challenge.ts";
import { parseRegistriesFile } from "../../src/registry/registries-file.ts";
import { decodeImage } from "../../src/runtime/criu-images.ts";
import { readSeccompProfile } from "../../src/security/seccomp-profile.ts";
import { readAvcs } from "../../src/security/udica/avc.ts";
import { readInspect } from "../../src/security/udica/inspect.ts";
import { TarReader } from "../../src/storage/tar/reader.ts";
import { tarOf } from "../fixtures/tar.ts";
import { registryAnswers } from "./registry-answers.ts";
import { bytesOf, same, textOf, type Target } from "./target.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const descriptor = (mediaType: string): object => ({ mediaType, digest, size: 123 });
const json = (value: unknown): string => JSON.stringify(value);

const manifests = [
  json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: descriptor("application/vnd.oci.image.config.v1+json"), layers: [descriptor("application/vnd.oci.image.layer.v1.tar+gzip")], annotations: { a: "b" } }),
  json({ schemaVersion: 2, mediaType: "application/vnd.docker.distribution.manifest.v2+json", config: descriptor("application/vnd.docker.container.image.v1+json"), layers: [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip")] }),
  json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [{ ...descriptor("application/vnd.oci.image.manifest.v1+json"), platform: { os: "linux", architecture: "amd64", variant: "v8" } }] }),
  json({ schemaVersion: 1, name: "a/b", tag: "t", architecture: "amd64", fsLayers: [{ blobSum: digest }], history: [{ v1Compatibility: json({ id: "ab", created: "2020-01-01T00:00:00Z" }) }] }),
];
const jsonWords = ["toString", "{", "}", "[", "]", ":", ",", "null", "true", "\"", "\\u0000", "\\ud800", "1e400", "-0", "[[[[", "{\"a\":", "\"__proto__\"", "\"constructor\"", "sha512:", digest];

const config = json({
  architecture: "amd64", os: "linux", created: "2020-01-01T00:00:00.5Z", author: "me", rootfs: { type: "layers", diff_ids: [digest] },
  config: { User: "1:2", Env: ["A=b"], Entrypoint: ["/a"], Cmd: ["b"], ExposedPorts: { "80/tcp": {} }, Volumes: { "/v": {} }, WorkingDir: "/w", Labels: { l: "m" }, StopSignal: "TERM", Healthcheck: { Test: ["CMD", "x"], Interval: 1 } },
  history: [{ created: "2020-01-01T00:00:00Z", created_by: "x", empty_layer: true }],
});

const containerfile = `# syntax=docker/dockerfile:1
ARG BASE=alpine
FROM --platform=$BUILDPLATFORM \${BASE:-a}:\${V#x} AS one
RUN --mount=type=cache,target=/c,id=x --network=none <<EOF
echo \\
 hi
EOF
COPY --chown=1:2 --from=one ["a b", "/c"]
ENV A="b c" D=e\\ f G='h'
LABEL "x y"=z
HEALTHCHECK --interval=5s CMD ["x"]
ONBUILD RUN a
EXPOSE 80/tcp
`;
const containerfileWords = ["FROM ", "RUN ", "COPY ", "ARG ", "ENV ", "\\\n", "\n", "<<EOF\n", "EOF\n", "<<-'A'", "${", "}", ":-", "$", "\"", "'", "\\", "[\"", "\"]", "--from=", "--mount=", "# escape=`\n", " AS ", "\t", "\0", "ONBUILD ", "${a:-${b:-", "%%"];

/** What reads an archive needs of a handler: nothing is kept. */
function readTar(input: Uint8Array): void {
  let bytes = 0;
  const reader = new TarReader({
    entry: entry => void (bytes += entry.name.length),
    data: chunk => void (bytes += chunk.length),
    done: () => {},
  });
  for (let at = 0; at < input.length; at += 700) reader.push(input.subarray(at, at + 700));
  reader.end();
}

/** Octal digits, signs and a checksum that fits, so that the reader goes further than the first header. */
function withChecksums(input: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(input);
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (textOf(block.subarray(257, 262)) !== "ustar") continue;
    block.fill(32, 148, 156);
    block.set(new TextEncoder().encode(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `), 148);
  }
  return bytes;
}

const pax = (records: string): Uint8Array => {
  const [header, ...rest] = [tarOf([{ name: "pax", body: records }])];
  const bytes = Uint8Array.from(header!);
  bytes[156] = "x".charCodeAt(0);
  return Buffer.concat([bytes.subarray(0, 1024), ...rest, tarOf([{ name: "file", body: "body" }])]);
};
const record = (text: string): string => {
  let length = text.length + 3;
  while (`${length} ${text}\n`.length !== length) length++;
  return `${length} ${text}\n`;
};
const tars = [
  tarOf([{ name: "etc/", kind: "directory" }, { name: "etc/passwd", body: "root" }, { name: "l", kind: "symlink", target: "../x" }, { name: "h", kind: "hardlink", target: "etc/passwd" }, { name: "d", kind: "character", device: [1, 3] }]),
  pax(record(`path=${"long/".repeat(30)}`) + record("mtime=-1.5") + record("SCHILY.xattr.user.a=b") + record("size=4")),
  pax(record("GNU.sparse.map=0,2,500,2") + record("GNU.sparse.size=1000") + record("GNU.sparse.name=s")),
];

const template = "{{range $i, $e := .List}}{{if eq $i 0}}{{$e.Name | printf \"%-10s\"}}{{else}}{{json .}}{{end}}{{end}}{{index .List 0}}{{with .Text}}{{. | len}}{{end}}";
const templateData = { List: [{ Name: "x", Size: 3 }, { Name: "y" }], Map: { a: 1, b: [1, 2] }, Num: 42, Text: "hello", Nil: null, Float: 1.5 };

/** Options may throw a plain Error, which the command line words as a wrong value. */
const asOption = (read: (written: string) => unknown) => (written: string): unknown => {
  try {
    return read(written);
  } catch (thrown) {
    if (thrown instanceof Misread || (thrown instanceof Error && thrown.constructor === Error)) return undefined;
    throw thrown;
  }
};

const text = (name: string, samples: readonly string[], words: readonly string[], take: (input: string) => unknown): Target =>
  ({ name, samples: bytesOf(samples), words, take: input => take(textOf(input)) });

export const targets: readonly Target[] = [
  registryAnswers,
  { name: "tar reader", samples: tars, words: ["ustar", "0000000", "7777777", "\0\0\0\0", "-1", "path=", "\n", "GNU.sparse.map=0,1", " "], take: input => readTar(withChecksums(input)) },
  text("Containerfile", [containerfile], containerfileWords, source => planBuild([parseContainerfile(source)], { buildArgs: new Map(), contexts: new Map(), skipUnusedStages: true })),
  text("variables of words", ["a${b:-c}$d\"e f\"'g'", "${x//a/b}${y%%.*}"], ["${", "}", ":-", ":+", "#", "##", "%", "/", "\\", "$", "'", "\"", "*"], word => expandWords(word, new Map([["a", "b"], ["b", "aaa.bbb"], ["x", "y"]]))),
  text(".dockerignore", ["**/*.o\n!a/b\n#c\n[a-z]?\\x"], ["*", "**", "/", "!", "[", "]", "-", "^", "\\", "?", "\n"], source => ignoreRules(ignorePatterns(source)).excludes("a/b/c.o")),
  text("references", ["a", "docker.io/library/alpine:3.1", `quay.io:443/a/b@${digest}`, "localhost/x:y"], ["/", ":", "@", digest, ".", "-", "_", "__", "A", "[::1]", "localhost"], written => {
    const once = parseReference(written);
    same(parseReference(referenceText(once)), once, "read, written and read again");
  }),
  text("digests", [digest, `sha512:${"0".repeat(128)}`], ["sha256", ":", "sha384:", "A", "+", "md5:"], parseDigest),
  text("manifests", manifests.slice(0, 3), jsonWords, source => readManifest(rawManifest(new TextEncoder().encode(source)))),
  text("schema 1", [manifests[3]!], jsonWords, source => readSchema1(rawManifest(new TextEncoder().encode(source), "application/vnd.docker.distribution.manifest.v1+json"))),
  text("image configs", [config], jsonWords, source => readConfig(new TextEncoder().encode(source))),
  text("policy.json", [json({ default: [{ type: "reject" }], transports: { docker: { "a.b/c": [{ type: "signedBy", keyType: "GPGKeys", keyPath: "/k", signedIdentity: { type: "matchRepository" } }] } } })], jsonWords, source => parsePolicy(source, "policy.json")),
  text("seccomp profiles", [json({ defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64"], syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] }] })], jsonWords, source => readSeccompProfile(tryJson(source), { what: "profile", code: "usage.invalid" })),
  text("templates", [template], ["{{", "}}", "{{- ", " -}}", "range ", "end", "if ", "else", "with ", "define \"x\"", "template \"x\"", "|", "$", ":=", ".", "(", ")", "\"%v\"", "printf ", "index ", "slice ", "len ", "json ", "-1", "99999999999999999999"], source => renderTemplate(source, templateData, { name: "fuzz" })),
  text("TOML", ["[a]\nb = \"c\"\n[[d]]\ne = [1, 2.5, true]\nf = { g = 1979-05-27T07:32:00Z }\n"], ["[", "]", "[[", "=", "\"\"\"", "'''", "{", "}", "\n", ".", "0x", "inf", "\\u"], source => parseToml(source, "file.toml")),
  text("YAML", ["a:\n  - b: &x 1\n    c: *x\n  - |\n    text\nd: {e: [1, 0644]}\n"], ["&a ", "*a", "- ", ": ", "\n", "  ", "|", ">", "!!binary ", "<<: ", "? ", "{", "[", "%YAML ", "---\n", "\t"], source => parseYaml(source, "file.yaml")),
  text("registries.conf", ["unqualified-search-registries = [\"a.b\"]\n[[registry]]\nprefix = \"*.x.y\"\nlocation = \"z:5000/w\"\n[[registry.mirror]]\nlocation = \"m\"\n[aliases]\n\"a\" = \"b.c/d\"\n"], ["[[registry]]\n", "[[registry.mirror]]\n", "prefix = ", "location = ", "\"\"", "blocked = 1\n", "\"*\"", "[aliases]\n"], source => parseRegistriesFile(source, "registries.conf", { isDropIn: false })),
  text("WWW-Authenticate", ["Bearer realm=\"https://a/b\",service=\"c\",scope=\"d:e:f\"", "Basic realm=x, Bearer realm=\"y\""], ["Bearer ", "Basic ", "=", "\"", "\\", ",", " ", "\t", "realm"], readChallenges),
  text("subordinate IDs", ["me:100000:65536\n1000:200000:65536\n#c\n"], [":", "me", "4294967295", "\n"], source => readRanges(source, { name: "me", id: 1000 })),
  text("--mount", ["type=bind,src=/a,dst=/b,ro,relabel=shared", "type=tmpfs,destination=/c,tmpfs-size=1m"], ["type=", "type=constructor", "bind", "volume", "image", "glob", "dst=", "src=", ",", "=", "\"", "U=true", "idmap=uids=0-1-10"], asOption(readMount)),
  text("--volume", ["/a:/b:ro,z", "name:/c:idmap=uids=1-2-3"], [":", "/", "..", "ro", "Z", "O", "upperdir=", "\\"], asOption(readVolume)),
  text("--publish", ["127.0.0.1:80-90:80-90/tcp", "[::1]:1:2/udp", "8080"], [":", "-", "/", "tcp", "[", "]", "65536"], asOption(readPort)),
  text("--network", ["a:ip=10.0.0.1,mac=00:11:22:33:44:55,alias=x", "pasta:-t,80", "container:x", "ns:/p"], [":", ",", "=", "bridge", "host", "none", "ip=", "ip6=", "mac="], asOption(written => readNetworks([written]))),
  text("--security-opt", ["seccomp=/x", "label=type:t", "mask=/a:/b", "no-new-privileges"], ["=", ":", "label", "apparmor", "unmask=ALL", "proc-opts="], asOption(option => readSecurityOption({}, option))),
  text("--secret", ["a,type=mount,target=B,uid=1,mode=0400"], [",", "=", "type=", "mode=", "uid="], asOption(readSecret)),
  text("--ulimit", ["nofile=10:20"], ["=", ":", "-1", "host"], asOption(readUlimit)),
  text("words of a line", ["a \"b c\" 'd' e\\ f"], ["\"", "'", "\\", " ", "\n"], splitWords),
  text("durations", ["1h2m3.5s", "10ms"], ["h", "m", "s", "us", "µs", ".", "-", "+", "e9"], parseGoDuration),
  text("sizes", ["5GiB", "1.5 k"], ["k", "GB", "i", ".", "-", "e9", " "], parseSize),
  text("addresses", ["10.0.0.1", "fd00::1", "::ffff:1.2.3.4"], [":", "::", ".", "255", "fffff"], parseAddress),
  text("subnets", ["10.0.0.0/24", "fd00::1/64"], [":", "::", ".", "/", "255", "fffff"], parseSubnet),
  text("globs", ["a*b?[c-d]\\e"], ["*", "?", "[", "]", "^", "-", "\\", "{", "}"], glob => globPattern(glob).test("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
  text("audit log", ["type=AVC msg=audit(1.2:3): avc:  denied  { read write } for  pid=1 comm=\"x\" scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=file permissive=1"], ["denied", "{", "}", "scontext=", "tcontext=", "tclass=", ":", "\n"], readAvcs),
  text("udica's input", [json([{ Mounts: [{ Type: "bind", Source: "/a", Destination: "/b", RW: true }], NetworkSettings: { Ports: { "80/tcp": [{ HostPort: "80" }] } }, HostConfig: { Devices: [], CapAdd: ["CAP_CHOWN"] }, EffectiveCaps: ["CAP_KILL"], Config: { Env: ["container=podman"] } }])], jsonWords, source => readInspect(source)),
  { name: "DER", samples: [Uint8Array.of(0x30, 3, 2, 1, 5), Uint8Array.of(0x30, 8, 6, 3, 42, 3, 4, 4, 1, 7)], words: [], take: input => derItems(readDer(input).value.content) },
  { name: "signatures", samples: [...bytesOf(["\0sigstore-json\n{\"mimeType\":\"a\",\"payload\":\"YQ==\",\"annotations\":{}}"]), Uint8Array.of(0x90, 1, 2)], words: jsonWords, take: input => readSignature(input) },
  { name: "images of criu", samples: [Uint8Array.of(0x19, 0x43, 0x56, 0x54, 1, 2, 3, 4, 6, 0, 0, 0, 8, 1, 18, 2, 8, 5)], words: [], take: input => decodeImage(input, "inventory") },
];

function tryJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}
