// --blob-cache: a directory of blobs beside the store, shared by what pulls, builds, commits and pushes.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mustRun, ok, run } from "../fixtures/coracle.ts";
import { digestOf } from "../fixtures/image.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry([]);
const buildah = (...words: readonly string[]) => run(["buildah", ...words]);
const done = (...words: readonly string[]): string => mustRun(["buildah", ...words]);
const kept = (directory: string): string[] => readdirSync(directory).sort();
const blobsOf = ({ blobs, digest, id }: ReturnType<typeof busybox>): string[] =>
  [digest, ...[...blobs.keys()].map(one => (one === `sha256:${id}` ? `${one}.config` : one))].sort();

test("pull and from keep what came, by digest, also where the store had it before", () => {
  const [first, second] = [newFolder("cache"), newFolder("cache")];
  done("pull", "-q", `--blob-cache=${first}`, IMAGE);
  expect(kept(first)).toEqual(blobsOf(busybox()));
  for (const name of kept(first)) expect(digestOf(readFileSync(`${first}/${name}`))).toBe(name.replace(".config", ""));
  done("from", "-q", "--pull-never", `--blob-cache=${second}`, IMAGE);
  expect(kept(second)).toEqual([]);
  done("from", "-q", "--pull-always", `--blob-cache=${second}`, IMAGE);
  expect(kept(second)).toEqual(kept(first));
  done("rm", "-a");
});

test("what is kept is not fetched again, and a damaged file is fetched as if it were not there", async () => {
  const cache = newFolder("cache");
  done("pull", "-q", "--policy", "always", `--blob-cache=${cache}`, IMAGE);
  const config = kept(cache).find(name => name.endsWith(".config"))!;
  const layer = kept(cache).find(name => name !== config && name !== busybox().digest)!;
  const fetched = async (): Promise<string[]> => {
    done("rmi", "-af");
    await Bun.sleep(300);
    const before = registry().log().length;
    done("pull", "-q", `--blob-cache=${cache}`, IMAGE);
    await Bun.sleep(300);
    return [...new Set(registry().log().slice(before).match(/blobs\/sha256:[0-9a-f]{64}/g) ?? [])];
  };
  expect(await fetched()).toEqual([]);
  const size = statSync(`${cache}/${layer}`).size;
  writeFileSync(`${cache}/${layer}`, Buffer.alloc(size, 7));
  expect(await fetched()).toEqual([`blobs/${layer}`]);
  expect(digestOf(readFileSync(`${cache}/${layer}`))).toBe(layer);
});

test("commit, build and push keep what they made and sent", () => {
  const [cache, sent, folder] = [newFolder("cache"), newFolder("sent"), newFolder("context")];
  const name = done("from", "-q", IMAGE);
  writeFileSync(`${folder}/file`, "text");
  done("copy", "-q", name, `${folder}/file`, "/file");
  const id = done("commit", "-q", `--blob-cache=${cache}`, name, "localhost/kept");
  const digest = ok("image", "inspect", "--format", "{{.Digest}}", "localhost/kept");
  expect(kept(cache)).toEqual(expect.arrayContaining([`sha256:${id}.config`, digest]));
  done("push", "-q", `--blob-cache=${sent}`, "localhost/kept", `dir:${folder}/out`);
  for (const file of readdirSync(`${folder}/out`).filter(one => one !== "version")) {
    const bytes = digestOf(readFileSync(`${folder}/out/${file}`));
    expect(kept(sent).map(one => one.replace(".config", ""))).toContain(bytes);
  }
  writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nCOPY file /other\n`);
  const built = newFolder("cache");
  const image = done("build", "-q", `--blob-cache=${built}`, folder);
  expect(kept(built)).toContain(`sha256:${image}.config`);
  expect(kept(built)).toContain(ok("image", "inspect", "--format", "{{.Digest}}", image));
  expect(buildah("pull", "--policy", "always", "--blob-cache=/proc/none", IMAGE)).toMatchObject({ status: 125, err: expect.stringContaining("/proc/none") });
  done("rm", "-a");
});
