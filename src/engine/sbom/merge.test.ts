import { expect, test } from "bun:test";
import { mergeBills, purlDocument } from "./merge.ts";

const bill = (...components: object[]): string => JSON.stringify({ bomFormat: "CycloneDX", components });

test("components of the same name and version are kept once, the first one", () => {
  const { text, purls } = mergeBills([
    bill({ name: "a", version: "1", purl: "pkg:deb/a@1", from: "root" }, { name: "b" }),
    bill({ name: "a", version: "1", purl: "pkg:deb/a@1", from: "context" }, { name: "a", version: "2", purl: "pkg:deb/a@2" }),
  ], "merge-cyclonedx-by-component-name-and-version");
  expect(JSON.parse(text)).toEqual({
    bomFormat: "CycloneDX",
    components: [{ name: "a", version: "1", purl: "pkg:deb/a@1", from: "root" }, { name: "b" }, { name: "a", version: "2", purl: "pkg:deb/a@2" }],
  });
  expect(purls).toEqual(["pkg:deb/a@1", "pkg:deb/a@2"]);
});

test("packages of SPDX are merged with their licences, and package URLs are found among their references", () => {
  const reference = { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: "pkg:npm/x@1" };
  const one = JSON.stringify({ packages: [{ name: "x", versionInfo: "1", externalRefs: [reference, { referenceCategory: "SECURITY" }] }], hasExtractedLicensingInfos: [{ licenseId: "L" }] });
  const two = JSON.stringify({ packages: [{ name: "x", versionInfo: "1" }, { name: "y" }], hasExtractedLicensingInfos: [{ licenseId: "L" }, { licenseId: "M" }] });
  const { text, purls } = mergeBills([one, two], "merge-spdx-by-package-name-and-versioninfo");
  const merged = JSON.parse(text) as { packages: object[]; hasExtractedLicensingInfos: object[] };
  expect(merged.packages.length).toBe(2);
  expect(merged.hasExtractedLicensingInfos).toEqual([{ licenseId: "L" }, { licenseId: "M" }]);
  expect(purls).toEqual(["pkg:npm/x@1"]);
});

test("cat puts them one behind the other and reads none", () => {
  expect(mergeBills(["a\n", "not JSON"], "cat")).toEqual({ text: "a\nnot JSON", purls: [] });
  expect(purlDocument([])).toBe('{"image_contents":{}}\n');
});

for (const [what, text] of [["no JSON", "{"], ["a list", "[]"], ["an entry that is a text", bill("x" as never)], ["a name that is a number", bill({ name: 1 })]] as const) {
  test(`${what} is refused`, () => {
    expect(() => mergeBills([text], "merge-cyclonedx-by-component-name-and-version")).toThrow(expect.objectContaining({ code: "input.malformed" }));
  });
}
