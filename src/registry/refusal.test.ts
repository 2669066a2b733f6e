import { expect, test } from "bun:test";
import { readRefusal, refusalFault, refusalOf } from "./refusal.ts";

const body = (code: string, message: string, detail?: unknown): string =>
  JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] });

for (const [status, text, reason] of [
  [404, body("MANIFEST_UNKNOWN", "manifest unknown", { Tag: "x" }), "manifest unknown"],
  [404, body("MANIFEST_UNKNOWN", "no such tag"), "manifest unknown: no such tag"],
  [401, body("UNAUTHORIZED", "authentication required", []), "authentication required"],
  [401, body("UNAUTHORIZED", "access to the requested resource is not authorized"), "unauthorized: access to the requested resource is not authorized"],
  [401, "", "authentication required"],
  [404, "404 page not found\n", 'StatusCode: 404, "404 page not found\\n"'],
  [429, "slow down", "too many requests to registry"],
  [429, body("TOOMANYREQUESTS", "You have reached your pull rate limit."), "toomanyrequests: You have reached your pull rate limit."],
  [400, body("SOMETHING_OF_ITS_OWN", "what"), "unknown: what"],
  [403, '{"details":"not for you"}', "not for you"],
  [500, "<html>", "received unexpected HTTP status: 500 Internal Server Error"],
  [404, '{"errors":[null]}', 'StatusCode: 404, "{\\"errors\\":[null]}"'],
] as const) {
  test(`${status} ${text.slice(0, 50)} is said as podman says it`, () => {
    expect(readRefusal(status, "", text).reason).toBe(reason);
  });
}

test("a message cannot drive the terminal or fill it", () => {
  const { reason } = readRefusal(400, "", body("DENIED", `\u001b[2J${"x".repeat(9000)}`));
  expect(reason).toStartWith("denied:  [2Jxxx");
  expect(reason.length).toBeLessThan(600);
});

test("the fault's code follows the status, and keeps the refusal", () => {
  const fault = refusalFault("fetching blob", readRefusal(403, "", body("DENIED", "no")));
  expect(fault).toMatchObject({ code: "registry.denied", message: "fetching blob: denied: no" });
  expect(refusalOf(fault)).toMatchObject({ status: 403, code: "DENIED" });
  expect(refusalOf(new Error("x"))).toBeUndefined();
});
