// The policy that asks for nothing, apart from the reader of policy.json: whoever only looks at images needs no more.
// Source: containers-policy.json(5), "insecureAcceptAnything".

import type { Policy } from "./policy.ts";

/** Of --insecure-policy, of reading without running, and of a machine without any policy. */
export const noPolicy = (): Policy => ({ default: [{ type: "insecureAcceptAnything" }], transports: new Map(), file: undefined });

/** Whether every image meets it, whatever it is called. */
export const acceptsAnything = (policy: Policy): boolean =>
  policy.transports.size === 0 && policy.default.every(({ type }) => type === "insecureAcceptAnything");
