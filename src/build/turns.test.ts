import { expect, test } from "bun:test";
import { Turns } from "./turns.ts";

test("who takes a key that is held waits until it is given back; other keys wait for nobody", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const giveBack = await turns.take("a");
  const second = turns.take("a").then(back => {
    seen.push("second");
    back();
  });
  (await turns.take("b"))();
  await Bun.sleep(5);
  expect(seen).toEqual([]);
  giveBack();
  giveBack();
  await second;
  expect(seen).toEqual(["second"]);
  (await turns.take("a"))();
});
