// Buildah's table of contents: every verb's name, its summary, and where it lies.

import { group } from "../cli/command.ts";
import { manifestVerbs } from "./manifest-verbs.ts";
import type { Contents, Persona } from "./verb.ts";
import { compatibleBuildah } from "./version.ts";
import { globals, inheritedGlobals } from "./working/globals.ts";

export { buildahHooks } from "./working/invocation.ts";

const contents: Contents = {
  add: ["Add content to the container", () => import("./working/add.ts")],
  build: ["Build an image using instructions in a Containerfile", () => import("./build/build.ts"), { aliases: ["build-using-dockerfile", "bud"] }],
  commit: ["Create an image from a working container", () => import("./working/commit.ts")],
  completion: ["Generate the autocompletion script for the specified shell", () => import("./system/completion.ts"), { hidden: true }],
  config: ["Update image configuration settings", () => import("./working/config.ts")],
  containers: ["List working containers and their base images", () => import("./working/containers.ts"), { aliases: ["list", "ls", "ps"] }],
  copy: ["Copy content into the container", () => import("./working/copy.ts")],
  from: ["Create a working container based on an image", () => import("./working/from.ts")],
  help: ["Help about any command", () => import("./system/help.ts")],
  images: ["List images in local storage", () => import("./working/images.ts")],
  info: ["Display Buildah system information", () => import("./working/info.ts")],
  inspect: ["Inspect the configuration of a container or image", () => import("./working/inspect.ts")],
  login: ["Login to a container registry", () => import("./working/login.ts")],
  logout: ["Logout of a container registry", () => import("./working/logout.ts")],
  manifest: manifestVerbs("Manipulate manifest lists and image indexes"),
  mkcw: ["Convert a conventional image to a confidential workload image", () => import("./working/mkcw.ts")],
  mount: ["Mount a working container's root filesystem", () => import("./working/mount.ts")],
  prune: ["Cleanup intermediate images as well as build and mount cache", () => import("./working/prune.ts")],
  pull: ["Pull an image from the specified location", () => import("./working/pull.ts")],
  push: ["Push an image to a specified destination", () => import("./working/push.ts")],
  rename: ["Rename a container", () => import("./working/rename.ts")],
  rm: ["Remove one or more working containers", () => import("./working/rm.ts"), { aliases: ["delete"] }],
  rmi: ["Remove one or more images from local storage", () => import("./working/rmi.ts")],
  run: ["Run a command inside of the container", () => import("./working/run.ts")],
  source: group("Manage source containers", {
    add: ["Add a source artifact to a source image", () => import("./source-image/add.ts")],
    create: ["Create a source image", () => import("./source-image/create.ts")],
    pull: ["Pull a source image from a registry to a specified path", () => import("./source-image/pull.ts")],
    push: ["Push a source image from a specified path to a registry", () => import("./source-image/push.ts")],
  }, { about: "Create, push, pull and manage source images and associated source artifacts." }),
  tag: ["Add an additional name to a local image", () => import("./working/tag.ts")],
  umount: ["Unmount the root file system of the specified working containers", () => import("./working/umount.ts"), { aliases: ["unmount"] }],
  unshare: ["Run a command in a modified user namespace", () => import("./working/unshare.ts")],
  version: ["Display the Buildah version information", () => import("./working/version.ts")],
};

export function buildah(): Persona {
  return {
    name: "buildah",
    about: "A tool that facilitates building OCI images",
    version: `buildah version ${compatibleBuildah} (image-spec 1.1.1, runtime-spec 1.2.1)`,
    globals,
    inherited: inheritedGlobals(),
    contents,
  };
}
