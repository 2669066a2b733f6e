// The manifest verbs, of podman and of buildah.

import { group, type Group } from "../cli/command.ts";
import type { Invocation } from "./verb.ts";

export const manifestVerbs = (summary: string): Group<Invocation> => group<Invocation>(summary, {
  add: ["Add images or artifacts to a manifest list or image index", () => import("./manifest/add.ts")],
  annotate: ["Add or update information about an entry in a manifest list or image index", () => import("./manifest/annotate.ts")],
  create: ["Create manifest list or image index", () => import("./manifest/create.ts")],
  exists: ["Check if the manifest list exists in local storage", () => import("./manifest/exists.ts")],
  inspect: ["Display the contents of a manifest list or image index", () => import("./manifest/inspect.ts")],
  push: ["Push a manifest list or image index to a registry", () => import("./manifest/push.ts")],
  remove: ["Remove an item from a manifest list or image index", () => import("./manifest/remove.ts")],
  rm: ["Remove manifest list or image index from local storage", () => import("./manifest/rm.ts")],
}, { about: "Creates, modifies, and pushes manifest lists and image indexes." });
