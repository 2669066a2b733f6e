import { expect, test } from "bun:test";
import { proxyFor } from "./proxy.ts";

const both = { HTTP_PROXY: "http://proxy.test:3128", https_proxy: "proxy.test:3129" };

test("each scheme has its proxy", () => {
  expect(proxyFor(new URL("http://reg.test/v2/"), both)).toBe("http://proxy.test:3128");
  expect(proxyFor(new URL("https://reg.test/v2/"), both)).toBe("http://proxy.test:3129");
  expect(proxyFor(new URL("https://reg.test/v2/"), {})).toBeUndefined();
});

for (const host of ["localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"]) {
  test(`${host} is this machine and needs none`, () => {
    expect(proxyFor(new URL(`http://${host}/`), both)).toBeUndefined();
  });
}

for (const [pattern, host, isDirect] of [
  ["reg.test", "reg.test", true],
  ["reg.test", "sub.reg.test", true],
  ["reg.test", "myreg.test", false],
  [".reg.test", "sub.reg.test", true],
  [".reg.test", "reg.test", false],
  ["*.reg.test", "sub.reg.test", true],
  ["*", "any.test", true],
  ["other.test, reg.test:8080", "reg.test:8080", true],
  ["reg.test:8080", "reg.test:8081", false],
  ["10.0.0.0/8", "10.1.2.3", true],
  ["10.0.0.0/8", "11.1.2.3", false],
  ["10.0.0.1", "10.0.0.1:5000", true],
  ["fd00::1", "[fd00::1]:5000", true],
  ["", "reg.test", false],
] as const) {
  test(`NO_PROXY="${pattern}" ${isDirect ? "covers" : "leaves"} ${host}`, () => {
    expect(proxyFor(new URL(`http://${host}/`), { ...both, NO_PROXY: pattern }) === undefined).toBe(isDirect);
  });
}
