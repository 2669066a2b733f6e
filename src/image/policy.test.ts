// The trust policy: which scope decides, and that nothing which needs a signature slips through.

import { expect, test } from "bun:test";
import { enforcePolicy, parsePolicy, readPolicy } from "./policy.ts";
import { parseReference } from "./reference.ts";

const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];
const policy = parsePolicy(JSON.stringify({
  default: reject,
  transports: {
    docker: { "": accept, "quay.io": reject, "quay.io/good": accept, "*.bad.test": reject, "signed.test": [{ type: "signedBy", keyType: "GPGKeys", keyPath: "/k" }], "sigstore.test": [{ type: "sigstoreSigned", keyPath: "/k" }] },
    dir: { "/srv/images": accept },
  },
}), "/p/policy.json");
const docker = (name: string) => () => enforcePolicy(policy, { transport: "docker", reference: parseReference(name) });

test("the nearest scope decides", () => {
  expect(docker("docker.io/library/x:1")).not.toThrow();
  expect(docker("quay.io/good/x:1")).not.toThrow();
  expect(docker("quay.io/goodness/x:1")).toThrow("Source image rejected: Running image docker://quay.io/goodness/x:1 is rejected by policy.");
  expect(docker("a.b.bad.test:5000/x:1")).toThrow("is rejected by policy");
});

test("requirements that need signatures are handed on, decoded", () => {
  const identity = { type: "matchRepoDigestOrExact" as const };
  expect(docker("sigstore.test/x:1")()).toEqual([{ type: "sigstoreSigned", keys: { files: ["/k"] }, identity }]);
  expect(docker("signed.test/x:1")()).toEqual([{ type: "signedBy", keyType: "GPGKeys", keys: { files: ["/k"] }, identity }]);
  expect(docker("docker.io/library/x:1")()).toEqual([]);
});

test("paths have scopes too, and other transports the default", () => {
  expect(() => enforcePolicy(policy, { transport: "dir", path: "/srv/images/a" })).not.toThrow();
  expect(() => enforcePolicy(policy, { transport: "dir", path: "/srv/imagesx" })).toThrow("rejected by policy");
  expect(() => enforcePolicy(policy, { transport: "oci", path: "/srv/images/a" })).toThrow("rejected by policy");
});

for (const text of ["{}", '{"default":[]}', '{"default":[{}]}', '{"default":[{"type":"reject"}],"extra":1}', "x"]) {
  test(`the policy ${text} is refused`, () => {
    expect(() => parsePolicy(text, "/p")).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });
}

test("a named policy must be there", () => {
  expect(() => readPolicy("/nonexistent/policy.json")).toThrow("cannot read policy \"/nonexistent/policy.json\"");
});
