// skopeo experimental-image-proxy: the protocol that ostree and bootc speak, over a real socket pair.
// Source: skopeo's docs-experimental, "skopeo-experimental-image-proxy".

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, readSync, truncateSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { receiveHandles, send, shutdown, socketPair, waitReadable } from "../../src/kernel/sockets.ts";
import { busybox } from "../fixtures/images.ts";
import { makeImage, makeIndex } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { blobFile, type Registry, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";

interface Reply {
  readonly success: boolean;
  readonly value: unknown;
  readonly pipeid: number;
  readonly error_code: string;
  readonly error: string;
  readonly handles: readonly number[];
}

interface Proxy {
  call(method: string, ...args: unknown[]): Reply;
  /** A value that comes through a pipe which must be finished. */
  piped(method: string, ...args: unknown[]): { value: unknown; bytes: Uint8Array };
  readonly socket: number;
  end(): Promise<number>;
}

const replyMs = 20_000;
const host = process.arch === "arm64" ? "arm64" : "amd64";
const at = (name: string): string => `docker://127.0.0.1:5000/${name}`;

function readAll(handle: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    if (!waitReadable(handle, replyMs)) throw new Error("nothing comes through the pipe");
    const part = new Uint8Array(65_536);
    const count = readSync(handle, part, 0, part.length, null);
    if (count === 0) break;
    parts.push(part.subarray(0, count));
  }
  closeSync(handle);
  return Buffer.concat(parts);
}

function startProxy(...words: string[]): Proxy {
  const [ours, theirs] = socketPair("seqpacket");
  const child = Bun.spawn(["skopeo", ...words, "experimental-image-proxy", "--sockfd", "3"], { stdio: ["ignore", "ignore", "inherit", theirs] });
  closeSync(theirs);
  const call = (method: string, ...args: unknown[]): Reply => {
    send(ours, new TextEncoder().encode(JSON.stringify({ method, args })));
    if (!waitReadable(ours, replyMs)) throw new Error(`no reply to ${method}`);
    const { bytes, handles } = receiveHandles(ours);
    return { ...JSON.parse(new TextDecoder().decode(bytes)), handles };
  };
  return {
    call,
    socket: ours,
    piped(method, ...args) {
      const reply = call(method, ...args);
      if (!reply.success) throw new Error(reply.error);
      // All of these fit a pipe; it is closed by FinishPipe alone, so that nobody takes a part for the whole.
      const finished = call("FinishPipe", reply.pipeid);
      const bytes = readAll(reply.handles[0]!);
      if (!finished.success) throw new Error(finished.error);
      return { value: reply.value, bytes };
    },
    async end() {
      shutdown(ours, "both");
      closeSync(ours);
      return child.exited;
    },
  };
}

const json = (bytes: Uint8Array): any => JSON.parse(new TextDecoder().decode(bytes));
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

let registry: Registry;
const docker = busybox({ form: "docker" });
const oci = busybox({ form: "oci" });
const small = makeImage({ form: "oci", layers: [tarOf([{ name: "file", body: "some bytes" }])], config: { Cmd: ["/file"] } });

beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(docker, "docker");
  await registry.push(oci, "many", oci.digest);
  await registry.push(makeIndex([{ image: oci, architecture: host }]), "many");
  await registry.push(small, "small");
}, 60_000);
afterAll(async () => registry?.stop());

describe("images", () => {
  test("a Docker image is described in OCI's words, under the digest it has", async () => {
    const proxy = startProxy();
    expect(proxy.call("Initialize").value).toMatch(/^0\.2\./);
    const { value: id } = proxy.call("OpenImage", at("docker"));
    const manifest = proxy.piped("GetManifest", id);
    expect(manifest.value).toBe(docker.digest);
    expect(json(manifest.bytes).mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
    expect(json(manifest.bytes).layers).toHaveLength(1);
    const config = json(proxy.piped("GetFullConfig", id).bytes);
    expect(config.architecture).toBe(host);
    expect(json(proxy.piped("GetConfig", id).bytes)).toEqual(config.config);
    const [layer] = json(proxy.piped("GetLayerInfoPiped", id).bytes);
    expect(proxy.call("GetLayerInfo", id).value).toEqual([layer]);
    expect(layer.digest).toBe(json(manifest.bytes).layers[0].digest);
    expect(proxy.call("CloseImage", id).success).toBe(true);
    expect(proxy.call("GetManifest", id).error).toBe(`no image ${id}`);
    expect(await proxy.end()).toBe(0);
  });

  test("of an index the image for this machine is taken", async () => {
    const proxy = startProxy();
    proxy.call("Initialize");
    const { value: id } = proxy.call("OpenImage", at("many"));
    const { value, bytes } = proxy.piped("GetManifest", id);
    expect(value).toBe(oci.digest);
    expect(sha256(bytes)).toBe(oci.digest);
    await proxy.end();
  });

  test("an image that is not there is 0 where it may miss, and an error where not", async () => {
    const proxy = startProxy();
    proxy.call("Initialize");
    expect(proxy.call("OpenImageOptional", at("none:here"))).toMatchObject({ success: true, value: 0 });
    expect(proxy.call("OpenImage", at("none:here"))).toMatchObject({ success: false, value: null, error: expect.stringContaining("manifest unknown") });
    expect(proxy.call("OpenImageOptional", "docker://127.0.0.1:1/none")).toMatchObject({ success: false, error_code: "retryable" });
    await proxy.end();
  });

  test("what the policy rejects is not opened", async () => {
    const policy = `${newFolder()}/policy.json`;
    writeFileSync(policy, '{"default":[{"type":"reject"}]}');
    const proxy = startProxy("--policy", policy);
    proxy.call("Initialize");
    expect(proxy.call("OpenImage", at("docker"))).toMatchObject({ success: false, error_code: "other", error: expect.stringContaining("rejected by policy") });
    await proxy.end();
  });
});

describe("blobs", () => {
  test("come whole through a pipe, larger than it holds, while other calls are answered", async () => {
    const proxy = startProxy();
    proxy.call("Initialize");
    const { value: id } = proxy.call("OpenImage", at("docker"));
    const [layer] = proxy.call("GetLayerInfo", id).value as [{ digest: string; size: number }];
    expect(layer.size).toBeGreaterThan(200_000);
    const blob = proxy.call("GetBlob", id, layer.digest, layer.size);
    const raw = proxy.call("GetRawBlob", id, layer.digest);
    expect([blob.value, raw.value]).toEqual([layer.size, layer.size]);
    expect(proxy.call("GetLayerInfo", id).success).toBe(true);
    expect(sha256(readAll(raw.handles[0]!))).toBe(layer.digest);
    expect(readAll(raw.handles[1]!)).toHaveLength(0);
    const parts: Buffer[] = [];
    for (let left = layer.size; left > 0;) {
      const part = Buffer.alloc(65_536);
      const count = readSync(blob.handles[0]!, part, 0, part.length, null);
      parts.push(part.subarray(0, count));
      left -= count;
    }
    expect(sha256(Buffer.concat(parts))).toBe(layer.digest);
    expect(waitReadable(blob.handles[0]!, 50)).toBe(false);
    expect(proxy.call("FinishPipe", blob.pipeid).success).toBe(true);
    expect(readAll(blob.handles[0]!)).toHaveLength(0);
    expect(await proxy.end()).toBe(0);
  });

  test("of another digest or size fail at FinishPipe, and one that is not there at once", async () => {
    const [digest] = small.blobs.keys();
    const bytes = small.blobs.get(digest!)!;
    const file = blobFile(registry, digest!);
    const proxy = startProxy();
    proxy.call("Initialize");
    const { value: id } = proxy.call("OpenImage", at("small"));
    const wrongSize = proxy.call("GetBlob", id, digest, bytes.length + 1);
    if (wrongSize.success) expect(proxy.call("FinishPipe", wrongSize.pipeid).success).toBe(false);
    else expect(wrongSize.error).toContain("bytes");
    writeFileSync(file, bytes.map(byte => byte ^ 1));
    const changed = proxy.call("GetBlob", id, digest, bytes.length);
    expect(proxy.call("FinishPipe", changed.pipeid)).toMatchObject({ success: false, error: `corrupted blob, expecting ${digest}` });
    truncateSync(file, 0);
    writeFileSync(file, bytes);
    expect(proxy.call("GetRawBlob", id, `sha256:${"0".repeat(64)}`)).toMatchObject({ success: false, handles: [] });
    await proxy.end();
  });

  test("a reader that goes away ends its own pipe and nothing else", async () => {
    const proxy = startProxy();
    proxy.call("Initialize");
    const { value: id } = proxy.call("OpenImage", at("docker"));
    const [layer] = proxy.call("GetLayerInfo", id).value as [{ digest: string; size: number }];
    const blob = proxy.call("GetBlob", id, layer.digest, layer.size);
    closeSync(blob.handles[0]!);
    expect(proxy.call("FinishPipe", blob.pipeid)).toMatchObject({ success: false, error_code: "EPIPE" });
    expect(proxy.call("FinishPipe", blob.pipeid).error).toContain("no active pipe");
    expect(proxy.call("GetLayerInfo", id).success).toBe(true);
    expect(await proxy.end()).toBe(0);
  });
});

describe("requests", () => {
  const wrong: readonly [string, unknown[], string][] = [
    ["OpenImage", [], "expecting one argument"], ["OpenImage", [7], "expecting string"], ["OpenImage", ["nonsense:x"], "unknown transport"],
    ["CloseImage", [0], "zero"], ["CloseImage", ["x"], "expecting numeric"], ["CloseImage", [1e300], "out of range"], ["CloseImage", [1.5], "out of range"],
    ["GetManifest", [99], "no image 99"], ["GetBlob", [1], "found 1 args"], ["Nonsense", [], "unknown method: Nonsense"], ["constructor", [], "unknown method"],
    ["Initialize", [], "already initialized"], ["FinishPipe", [], "expecting numeric"],
  ];
  test("that are wrong get an error and change nothing", async () => {
    const proxy = startProxy();
    expect(proxy.call("OpenImage", at("docker")).error).toBe("client error: must invoke Initialize");
    proxy.call("Initialize");
    for (const [method, args, error] of wrong) expect(proxy.call(method, ...args)).toMatchObject({ success: false, error: expect.stringContaining(error) });
    for (const text of ["", " ", "[]", "{", '{"method":7}', `{"method":"${"x".repeat(40_000)}"}`].slice(1)) {
      send(proxy.socket, new TextEncoder().encode(text));
      expect(waitReadable(proxy.socket, replyMs)).toBe(true);
      expect(json(receiveHandles(proxy.socket).bytes).success).toBe(false);
    }
    expect(proxy.call("OpenImage", at("docker")).success).toBe(true);
    send(proxy.socket, new TextEncoder().encode('{"method":"Shutdown"}'));
    expect(await proxy.end()).toBe(0);
  });

  test("are served on a socket alone", () => {
    const ran = Bun.spawnSync(["skopeo", "experimental-image-proxy", "--sockfd", "77"]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr.toString()).toContain("it is not an open socket");
  });
});
