// A loss of power right after each command, and in the middle of some: what was reported done is there, and the store is sound.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { makeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { mustRun, run } from "../fixtures/coracle.ts";
import { startRegistry, type Registry } from "../fixtures/registry.ts";
import { cut, endMachine, lose, newForgetfulMachine, newMachine, pulled, works, type Machine } from "./power.ts";

/** Containers without privileges have no loop devices. */
const isPossible = run(["losetup", "--find"]).status === 0;

let registry: Registry;
let machine: Machine;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(makeImage({ layers: [busyboxLayer()] }), "base");
  pulled();
  if (isPossible) machine = newMachine();
}, 60_000);
afterAll(async () => {
  if (isPossible) endMachine(machine);
  await registry?.stop();
}, 60_000);

for (const work of works) {
  test.if(isPossible)(`${work.name} that was reported done is done after a loss of power`, async () => {
    expect(await cut(machine, work, undefined)).toEqual([]);
  });
}

test.if(isPossible)("a forgetful disk has after a loss what it was told to flush, and not the rest", async () => {
  const forgetful = newForgetfulMachine();
  mustRun(["sh", "-c", `echo kept >${forgetful.disk}/kept && sync -f ${forgetful.disk}; echo lost >${forgetful.disk}/lost`]);
  await lose(forgetful, undefined, `${forgetful.below!.file}.cut`);
  expect(readdirSync(forgetful.disk).filter(name => name !== "lost+found")).toEqual(["kept"]);
  for (const work of works.filter(({ name }) => ["load", "commit", "rm"].includes(name))) expect([work.name, await cut(forgetful, work, undefined)]).toEqual([work.name, []]);
  endMachine(forgetful);
}, 60_000);

for (const work of works.filter(({ name }) => ["pull", "commit"].includes(name))) {
  test.if(isPossible)(`a loss of power in the middle of ${work.name} leaves a sound store`, async () => {
    expect(await cut(machine, work, 20 + Math.random() * 100)).toEqual([]);
  });
}
