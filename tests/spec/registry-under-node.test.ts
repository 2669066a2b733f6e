// The registry room runs under Node: bundled for it, it pulls a manifest and a blob from a real registry there.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder, top } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const program = `
import { newRegistryClient } from "./registry.mjs";
const client = newRegistryClient({ host: "127.0.0.1:5000", insecure: true });
const accept = ["application/vnd.oci.image.manifest.v1+json"];
const { bytes, digest } = await client.manifest("busybox", "latest", accept);
const layer = JSON.parse(new TextDecoder().decode(bytes)).layers[0];
const { stream } = await client.blob("busybox", layer.digest);
let size = 0;
for await (const chunk of stream) size += chunk.length;
console.log(JSON.stringify({ digest, complete: size === layer.size, bun: typeof Bun }));
`;

test("a manifest and a blob come through under Node", async () => {
  const image = busybox();
  await registry.push(image, "busybox");
  const folder = newFolder("node");
  const built = await Bun.build({ entrypoints: [join(top, "src/registry/index.ts")], target: "node", format: "esm", outdir: folder, naming: "registry.mjs" });
  expect(built.success).toBe(true);
  writeFileSync(join(folder, "program.mjs"), program);
  const ran = run(["node", join(folder, "program.mjs")]);
  expect(ran.err).toBe("");
  expect(JSON.parse(ran.out)).toEqual({ digest: image.digest, complete: true, bun: "undefined" });
});
