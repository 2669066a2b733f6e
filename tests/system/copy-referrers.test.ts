// skopeo copy --referrers: what refers to an image goes along, by the registry's list or by the tag that stands in for one.
// Source: OCI distribution-spec v1.1, "Listing Referrers"; OCI image-spec, "subject".

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { busybox } from "../fixtures/images.ts";
import { digestOf, jsonBytes, makeIndex, type MadeImage } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { sha256, startSpecRegistry, type SpecRegistry } from "../fixtures/spec-registry.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";

let plain: Registry;
const withApi = startSpecRegistry();
const image = busybox();
const index = makeIndex([{ image, architecture: process.arch === "arm64" ? "arm64" : "amd64" }]);
const empty = new TextEncoder().encode("{}");

/** An artifact that refers to `subject`. */
function artifact(subject: MadeImage, type: string, text: string): MadeImage {
  const body = new TextEncoder().encode(text);
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: type,
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf(empty), size: 2 },
    layers: [{ mediaType: "text/plain", digest: digestOf(body), size: body.length }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.manifest.length },
    annotations: { "org.example.note": text },
  });
  const blobs = new Map([[digestOf(empty), empty], [digestOf(body), body]]);
  return { mediaType: "application/vnd.oci.image.manifest.v1+json", manifest, digest: digestOf(manifest), id: "", blobs };
}

const bill = artifact(image, "application/spdx+json", "what is in it");
const signature = artifact(bill, "application/x-signature", "a signature of the bill");

async function skopeo(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn(["skopeo", ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, out, err };
}

async function done(...words: string[]): Promise<string> {
  const ran = await skopeo(...words);
  if (ran.status !== 0) throw new Error(`skopeo ${words.join(" ")}: ${ran.err}`);
  return ran.out;
}

const keep = (registry: SpecRegistry, name: string, made: MadeImage, tag?: string): void => {
  const repository = registry.repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
  (registry.repositories as Map<string, typeof repository>).set(name, repository);
  for (const [digest, bytes] of made.blobs) repository.blobs.set(digest, bytes);
  repository.manifests.set(made.digest, { bytes: made.manifest, type: made.mediaType });
  if (tag) repository.tags.set(tag, made.digest);
};

beforeAll(async () => {
  plain = await startRegistry();
  keep(withApi, "from", image, "1");
  keep(withApi, "from", index, "all");
  keep(withApi, "from", bill);
  keep(withApi, "from", signature);
  keep(withApi, "alone", image, "1");
}, 60_000);
afterAll(async () => {
  withApi.stop();
  await plain?.stop();
});

const api = (name: string): string => `docker://${withApi.address}/${name}`;
const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
const tagOf = ({ digest }: MadeImage): string => digest.replace(":", "-");

async function listed(name: string, subject: MadeImage): Promise<string[]> {
  const answer = await plain.request(`/v2/${name}/manifests/${tagOf(subject)}`, { headers: { accept: "application/vnd.oci.image.index.v1+json" } });
  if (answer.status === 404) return [];
  return ((await answer.json()) as { manifests: { digest: string; artifactType: string }[] }).manifests.map(one => `${one.artifactType} ${one.digest}`);
}

describe("copy --referrers", () => {
  test("brings the artifacts of an image and what refers to those, into a registry without the API too", async () => {
    await done("copy", ...insecure, "--referrers", api("from:1"), "docker://127.0.0.1:5000/to:1");
    expect(await listed("to", image)).toEqual([`application/spdx+json ${bill.digest}`]);
    expect(await listed("to", bill)).toEqual([`application/x-signature ${signature.digest}`]);
    const [layer] = [...bill.blobs.keys()].filter(digest => digest !== digestOf(empty));
    expect(await (await plain.request(`/v2/to/blobs/${layer}`)).text()).toBe("what is in it");
  });

  test("and back, through a directory and a layout, with every digest kept", async () => {
    const folder = newFolder();
    await done("copy", ...insecure, "--referrers", "docker://127.0.0.1:5000/to:1", `dir:${folder}/dir`);
    expect(existsSync(`${folder}/dir/${signature.digest.slice(7)}.manifest.json`)).toBe(true);
    await done("copy", "--referrers", `dir:${folder}/dir`, `oci:${folder}/layout:1`);
    expect(await done("inspect", "--format", "{{.Digest}}", `oci:${folder}/layout`)).toBe(`${image.digest}\n`);
    await done("copy", ...insecure, "--referrers", `oci:${folder}/layout:1`, api("back:1"));
    const back = withApi.repositories.get("back")!;
    for (const made of [image, bill, signature]) expect(sha256(back.manifests.get(made.digest)!.bytes)).toBe(made.digest);
    expect(back.tags.size).toBe(1);
  });

  test("comes by itself with --all, and not with --all --referrers=false or without", async () => {
    await done("copy", ...insecure, "--all", api("from:all"), "docker://127.0.0.1:5000/all:1");
    expect(await listed("all", image)).toHaveLength(1);
    await done("copy", ...insecure, "--all", "--referrers=false", api("from:all"), "docker://127.0.0.1:5000/bare:1");
    await done("copy", ...insecure, api("from:1"), "docker://127.0.0.1:5000/bare:2");
    expect(await listed("bare", image)).toEqual([]);
  });

  test("a second copy adds nothing twice", async () => {
    for (const _ of [1, 2]) await done("copy", ...insecure, "--referrers", api("from:1"), "docker://127.0.0.1:5000/twice:1");
    expect(await listed("twice", image)).toHaveLength(1);
  });

  test("an image without any is copied as ever", async () => {
    await done("copy", ...insecure, "--referrers", api("alone:1"), "docker://127.0.0.1:5000/alone:1");
    expect(await listed("alone", image)).toEqual([]);
  });

  test("is refused where there is no place for them, or where the digest would change", async () => {
    const folder = newFolder();
    const archive = await skopeo("copy", ...insecure, "--referrers", api("from:1"), `docker-archive:${folder}/a.tar`);
    expect([archive.status, archive.err]).toEqual([1, expect.stringContaining("it has no place for them")]);
    const changed = await skopeo("copy", ...insecure, "--referrers", "--format", "v2s2", api("from:1"), `dir:${folder}/x`);
    expect([changed.status, changed.err]).toEqual([1, expect.stringContaining("they refer to it by digest")]);
    expect(existsSync(`${folder}/x/manifest.json`)).toBe(false);
  });
});
