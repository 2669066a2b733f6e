// References: what is read, what is refused, and what is written back.

import { expect, test } from "bun:test";
import { atDockerHub, atDomain, familiarText, nameToGive, parseReference, referenceText } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

const whole: Readonly<Record<string, string>> = {
  alpine: "docker.io/library/alpine",
  "alpine:3": "docker.io/library/alpine:3",
  "a/b": "docker.io/a/b",
  "docker.io/alpine": "docker.io/library/alpine",
  "index.docker.io/a/b:c": "docker.io/a/b:c",
  "localhost/x": "localhost/x",
  "localhost:5000/x:1": "localhost:5000/x:1",
  "quay.io/a/b/c:T_1.2-x": "quay.io/a/b/c:T_1.2-x",
  "[::1]:5000/x": "[::1]:5000/x",
  [`x@${digest}`]: `docker.io/library/x@${digest}`,
  [`quay.io/x:1@${digest}`]: `quay.io/x:1@${digest}`,
  "a__b/c--d/e.f": "docker.io/a__b/c--d/e.f",
};
for (const [text, expected] of Object.entries(whole)) {
  test(`${text} at Docker Hub is ${expected}`, () => {
    expect(referenceText(atDockerHub(parseReference(text)))).toBe(expected);
  });
}

const refused: Readonly<Record<string, string>> = {
  "": "invalid reference format",
  "Bad Name": "invalid reference format",
  FOO: "repository name must be lowercase",
  "a:": "invalid reference format",
  "a:b c": "invalid reference format",
  "a//b": "invalid reference format",
  "/a": "invalid reference format",
  "a/": "invalid reference format",
  "a..b": "invalid reference format",
  "-x.com/a": "invalid reference format",
  "a@sha256:12": "invalid reference format",
  "../../etc/passwd": "invalid reference format",
  [`a:${"t".repeat(129)}`]: "invalid reference format",
  [`quay.io/${"a".repeat(256)}`]: "must not be more than 255 characters",
};
for (const [text, reason] of Object.entries(refused)) {
  test(`${JSON.stringify(text.slice(0, 40))} is refused`, () => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "reference.malformed", message: expect.stringContaining(reason) }));
  });
}

test("a name that is given goes to localhost with a tag", () => {
  expect(referenceText(nameToGive("x"))).toBe("localhost/x:latest");
  expect(referenceText(nameToGive("a/x:1"))).toBe("localhost/a/x:1");
  expect(referenceText(nameToGive(`quay.io/x:1@${digest}`))).toBe(`quay.io/x@${digest}`);
});

test("a search registry may have a path of its own", () => {
  expect(referenceText(atDomain(parseReference("x:1"), "reg.test/team"))).toBe("reg.test/team/x:1");
});

test("Docker shows its own names without host and library", () => {
  expect(familiarText(parseReference("docker.io/library/alpine:3"))).toBe("alpine:3");
  expect(familiarText(parseReference("quay.io/a:3"))).toBe("quay.io/a:3");
});
