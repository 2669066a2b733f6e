// Our own default profile, for hosts that ship none: what most programs need is allowed, the rest depends on capabilities.
// Source: the field's common default, kept as data in seccomp.json beside this file.

import data from "./seccomp.json";

/** In the format that seccomp.ts resolves. */
export function defaultSeccomp(): unknown {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    syscalls: [{ names: data.allow, action: "SCMP_ACT_ALLOW" }, ...data.conditional],
  };
}
