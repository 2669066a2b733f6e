// Skopeo's table of contents: every verb's name, its summary, and where it lies.

import type { Persona } from "../cli/command.ts";
import { globals, inheritedGlobals } from "./copy/globals.ts";
import type { SkopeoContents, SkopeoInvocation } from "./copy/verb.ts";
import { compatibleSkopeo } from "./version.ts";

export { failSkopeo, skopeoHooks } from "./copy/invocation.ts";

const contents: SkopeoContents = {
  copy: ["Copy an IMAGE-NAME from one location to another", () => import("./copy/copy.ts")],
  delete: ["Delete image IMAGE-NAME", () => import("./copy/delete.ts")],
  "experimental-image-proxy": ["Interactive proxy for fetching container images (EXPERIMENTAL)", () => import("./copy/image-proxy.ts"), { hidden: true }],
  "generate-sigstore-key": ["Generate a sigstore public/private key pair", () => import("./copy/generate-sigstore-key.ts")],
  inspect: ["Inspect image IMAGE-NAME", () => import("./copy/inspect.ts")],
  layers: ["Get layers of IMAGE-NAME", () => import("./copy/refused.ts"), { hidden: true }],
  "list-tags": ["List tags in the transport/repository specified by the SOURCE-IMAGE", () => import("./copy/list-tags.ts")],
  login: ["Login to a container registry", () => import("./copy/login.ts")],
  logout: ["Logout of a container registry", () => import("./copy/logout.ts")],
  "manifest-digest": ["Compute a manifest digest of a file", () => import("./copy/manifest-digest.ts")],
  "standalone-sign": ["Create a signature using local files", () => import("./copy/standalone-sign.ts")],
  "standalone-verify": ["Verify a signature using local files", () => import("./copy/standalone-verify.ts")],
  sync: ["Synchronize one or more images from one location to another", () => import("./copy/sync.ts")],
};

export function skopeo(): Persona<SkopeoInvocation> {
  return {
    name: "skopeo",
    about: "Various operations with container images and container image registries",
    version: `skopeo version ${compatibleSkopeo}`,
    globals,
    inherited: inheritedGlobals(),
    contents,
    isTerse: true,
  };
}
