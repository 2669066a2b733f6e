// podman image scp: images between the users of one machine.
// Source: podman-image-scp(1).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { makeUser, type User } from "../fixtures/user.ts";

withRegistry();
let ann: User;
let bob: User;
beforeAll(() => {
  ann = makeUser("ann", 2001);
  bob = makeUser("bob", 2002);
}, 60_000);
afterAll(() => {
  for (const uid of [2001, 2002]) rmSync(`/tmp/podman-run-${uid}`, { recursive: true, force: true });
});

/** As a person would: by a program that every user may run. */
const scp = (...words: string[]) => run(["/run/user-programs/podman", "image", "scp", ...words]);
const digest = (...words: string[]): string => ok("image", "inspect", "--format", "{{.Digest}}", ...words);

test("root gives a user an image, which is the same there, and takes it back under another name", () => {
  const ran = scp(IMAGE, "ann@localhost::");
  expect([ran.status, ran.out]).toEqual([0, `Loaded image: ${IMAGE}\n`]);
  expect(ran.err).toMatch(/Copying blob [^]*Copying config [^]*Writing manifest/);
  expect(ann.ok("image", "inspect", "--format", "{{.Digest}}", IMAGE)).toBe(digest(IMAGE));
  expect(ann.ok("run", "--rm", "--network", "none", IMAGE, "echo", "works")).toBe("works");
  ann.ok("tag", IMAGE, "localhost/from-ann:v1");
  const back = scp("-q", "ann@localhost::localhost/from-ann:v1", "foobar:123");
  expect([back.status, back.out, back.err]).toEqual([0, "Loaded image: localhost/from-ann:v1\nLoaded image: foobar:123\n", ""]);
  expect(digest("foobar:123")).toBe(digest(IMAGE));
});

test("an image goes from one user to another, and by its ID", () => {
  expect(scp("-q", `ann@localhost::${IMAGE}`, "bob@localhost::")).toMatchObject({ status: 0, out: `Loaded image: ${IMAGE}\n` });
  const id = ok("image", "inspect", "--format", "{{.Id}}", IMAGE);
  expect(scp("-q", id, "bob@localhost::byid")).toMatchObject({ status: 0 });
  expect(bob.ok("image", "inspect", "--format", "{{.Id}}", "byid")).toBe(id);
});

for (const [words, message] of [
  [["nope.nope/nonesuch:notag", "ann@localhost::"], "nope.nope/nonesuch:notag: image not known"],
  [["ann@localhost::nope.nope/nonesuch:notag"], "nope.nope/nonesuch:notag: image not known"],
  [[IMAGE], "must specify a destination: invalid argument"],
  [[IMAGE, "other"], "must specify a destination: invalid argument"],
  [[IMAGE, "nobodyatall@localhost::"], "user: unknown user nobodyatall"],
  [[IMAGE, "somehost::"], 'cannot copy to or from "somehost": remote use is not built yet'],
  [["ann@localhost::"], "must specify an image to copy"],
] as const) {
  test(`refused: image scp ${words.join(" ")}`, () => {
    const ran = scp(...words);
    expect([ran.status, ran.out, ran.err.split("\n")[0]]).toEqual([125, "", `Error: ${message}`]);
  });
}

test("an ordinary user asks sudo, and is told where there is none", () => {
  const ran = ann.podman("image", "scp", IMAGE, "bob@localhost::");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/sudo/);
  expect(podman("image", "scp").err).toContain("accepts between 1 and 2 arg(s), received 0");
});
