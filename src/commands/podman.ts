// Podman's table of contents: every verb's name, its summary, and where it lies.

import { globals, inheritedGlobals } from "./globals.ts";
import type { Contents, Persona } from "./verb.ts";
import { compatibleVersion } from "./version.ts";

const contents: Contents = {
  completion: ["Generate shell autocompletions", () => import("./system/completion.ts"), { hidden: true }],
  help: ["Help about any command", () => import("./system/help.ts")],
  version: ["Display the Podman version information", () => import("./system/version.ts")],
};

export function podman(): Persona {
  return {
    name: "podman",
    about: "Manage pods, containers and images",
    version: `podman version ${compatibleVersion}`,
    globals,
    inherited: inheritedGlobals(),
    contents,
  };
}
