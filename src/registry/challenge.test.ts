import { expect, test } from "bun:test";
import { readChallenge, readChallenges } from "./challenge.ts";

test("a bearer challenge yields its realm, service and scope", () => {
  expect(readChallenge('Bearer realm="https://auth.test/token",service="reg.test",scope="repository:a/b:pull,push"')).toEqual({
    scheme: "bearer",
    parameters: { realm: "https://auth.test/token", service: "reg.test", scope: "repository:a/b:pull,push" },
  });
});

test("two challenges in one header stay two", () => {
  const both = 'Basic realm="a, b", Bearer realm="https://auth.test/t", service=reg , error="insufficient_scope"';
  expect(readChallenges(both)).toEqual([
    { scheme: "basic", parameters: { realm: "a, b" } },
    { scheme: "bearer", parameters: { realm: "https://auth.test/t", service: "reg", error: "insufficient_scope" } },
  ]);
});

test("a scheme may stand alone, and quotes may be escaped", () => {
  expect(readChallenges('Negotiate, Basic realm="say \\"hi\\""')).toEqual([
    { scheme: "negotiate", parameters: {} },
    { scheme: "basic", parameters: { realm: 'say "hi"' } },
  ]);
});

for (const header of ["", "  ", 'Bearer realm="left open', "Bearer realm", '="x"', "Bearer =x", `Bearer realm="${"x".repeat(9000)}"`]) {
  test(`a malformed challenge is refused: ${JSON.stringify(header.slice(0, 40))}`, () => {
    expect(() => readChallenge(header)).toThrow(expect.objectContaining({ code: "registry.malformed" }));
  });
}
