// A process that the tests kill in the middle of applying a layer: at DYING_MOMENT, in the store at DYING_ROOT.

import * as fs from "node:fs";
import { archive, inChunks, layerOf } from "./fixtures.ts";
import { openStore } from "./store.ts";

const root = process.env["DYING_ROOT"]!;
const moment = process.env["DYING_MOMENT"]!;
const store = openStore({ root, runroot: "/run" });
const lease = store.lease();
const ready = (): void => void fs.writeSync(1, "ready\n");
const tar = archive({ name: "dying", text: "d".repeat(100_000) }, { name: "more", text: "m".repeat(900_000) });
const layer = layerOf(tar, { lease, blob: tar });

async function* hanging(): AsyncGenerator<Uint8Array> {
  yield* inChunks(tar.subarray(0, 500_000), 10_000);
  ready();
  await new Promise(() => setInterval(() => {}, 1000));
}

if (moment === "unpacking") await store.layers.apply({ ...layer, source: { ...layer.source, open: async () => hanging() } });
if (moment === "downloading") {
  const writer = (await store.blobs.resume(layer.source.digest, lease))!;
  writer.write(tar.subarray(0, 1000));
  ready();
}
if (moment === "shown") {
  await store.layers.apply(layer);
  ready();
}
setInterval(() => {}, 1000);
