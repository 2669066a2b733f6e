// What the state keeps, finds and refuses.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { workingSchema } from "../working/records.ts";
import { leavingSchema, openState, stateSchema } from "./state.ts";

function fresh() {
  const db = new Database(":memory:");
  db.run(stateSchema);
  db.run(workingSchema);
  db.run(leavingSchema);
  return openState(db);
}

const record = (id: string, name: string) =>
  ({ id, name, spec: { imageId: "aa" }, state: { status: "created" as const, createdAt: "2026-11-23T00:00:00Z" } });

test("a container is found by id, name and prefix, and in order of creation", () => {
  const state = fresh();
  state.insert(record("b1".repeat(32), "second"));
  state.insert(record("b0".repeat(32), "first"));
  expect(state.findById("b1".repeat(32))?.name).toBe("second");
  expect(state.findByName("first")?.id).toBe("b0".repeat(32));
  expect(state.findByPrefix("b").length).toBe(2);
  expect(state.findByPrefix("b0b").map(found => found.name)).toEqual(["first"]);
  expect(state.findByPrefix("%")).toEqual([]);
  expect(state.latest()?.name).toBe("first");
  expect(state.containers().map(found => found.name)).toEqual(["second", "first"]);
  expect(state.usersOfImage("aa").length).toBe(2);
});

test("a name in use is refused and names its holder", () => {
  const state = fresh();
  state.insert(record("c1".repeat(32), "web"));
  expect(() => state.insert(record("c2".repeat(32), "web"))).toThrow(
    expect.objectContaining({ code: "container.name-in-use", message: expect.stringContaining(`already in use by ${"c1".repeat(32)}`) }),
  );
  expect(state.findById("c2".repeat(32))).toBeUndefined();
});

test("removing a container frees its addresses and volumes, and its exit code stays", () => {
  const state = fresh();
  state.insert(record("d1".repeat(32), "web"));
  expect(state.takeAddress("podman", "10.88.0.2", "d1".repeat(32))).toBe(true);
  expect(state.takeAddress("podman", "10.88.0.2", "other")).toBe(false);
  state.insertVolume({ name: "v", driver: "local", createdAt: "", labels: {}, options: {}, anonymous: false, needsCopyUp: true });
  state.useVolume("v", "d1".repeat(32));
  state.keepExitCode("d1".repeat(32), 7);
  state.remove("d1".repeat(32));
  expect(state.addressesOf("podman")).toEqual([]);
  expect(state.usersOfVolume("v")).toEqual([]);
  expect(state.exitCode("d1".repeat(32))).toBe(7);
});
