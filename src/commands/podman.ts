// Podman's table of contents: every verb's name, its summary, and where it lies.

import { group } from "../cli/command.ts";
import { globals, inheritedGlobals } from "./globals.ts";
import { manifestVerbs } from "./manifest-verbs.ts";
import { refusedConnections, refusedContents, refusedPods, refusedService } from "./refused.ts";
import type { Contents, Persona } from "./verb.ts";
import { compatibleVersion } from "./version.ts";

const container: Contents = {
  attach: ["Attach to a running container", () => import("./container/attach.ts")],
  checkpoint: ["Checkpoint one or more containers", () => import("./container/checkpoint.ts")],
  learn: ["Watch a container for the rights it needs", () => import("./container/learn.ts"), { hidden: true }],
  cleanup: ["Clean up network and mountpoints of one or more containers", () => import("./container/cleanup.ts")],
  clone: ["Clone an existing container", () => import("./container/clone.ts")],
  commit: ["Create new image based on the changed container", () => import("./container/commit.ts")],
  cp: ["Copy files/folders between a container and the local filesystem", () => import("./container/cp.ts")],
  create: ["Create but do not start a container", () => import("./container/create.ts")],
  diff: ["Inspect changes to the container's file systems", () => import("./container/diff.ts")],
  exec: ["Run a process in a running container", () => import("./container/exec.ts")],
  exists: ["Check if a container exists in local storage", () => import("./container/exists.ts")],
  export: ["Export container's filesystem contents as a tar archive", () => import("./container/export.ts")],
  fork: ["Make copies of a running container that go on from where it is", () => import("./container/fork.ts")],
  init: ["Initialize one or more containers", () => import("./container/init.ts")],
  inspect: ["Display the configuration of a container", () => import("./container/inspect.ts")],
  kill: ["Kill one or more running containers with a specific signal", () => import("./container/kill.ts")],
  list: ["List containers", () => import("./container/ps.ts"), { aliases: ["ls"] }],
  logs: ["Fetch the logs of one or more containers", () => import("./container/logs.ts")],
  mount: ["Mount a working container's root filesystem", () => import("./container/mount.ts")],
  pause: ["Pause all the processes in one or more containers", () => import("./container/pause.ts")],
  port: ["List port mappings or a specific mapping for the container", () => import("./container/port.ts")],
  prune: ["Remove all non running containers", () => import("./container/prune.ts")],
  ps: ["List containers", () => import("./container/ps.ts")],
  rename: ["Rename an existing container", () => import("./container/rename.ts")],
  restart: ["Restart one or more containers", () => import("./container/restart.ts")],
  restore: ["Restore one or more containers from a checkpoint", () => import("./container/restore.ts")],
  rm: ["Remove one or more containers", () => import("./container/rm.ts")],
  run: ["Run a command in a new container", () => import("./container/run.ts")],
  runlabel: ["Execute the command described by an image label", () => import("./container/runlabel.ts")],
  start: ["Start one or more containers", () => import("./container/start.ts")],
  stats: ["Display a live stream of container resource usage statistics", () => import("./container/stats.ts")],
  stop: ["Stop one or more containers", () => import("./container/stop.ts")],
  top: ["Display the running processes of a container", () => import("./container/top.ts")],
  unmount: ["Unmount working container's root filesystem", () => import("./container/umount.ts"), { aliases: ["umount"] }],
  unpause: ["Unpause the processes in one or more containers", () => import("./container/unpause.ts")],
  update: ["Update an existing container", () => import("./container/update.ts")],
  wait: ["Block on one or more containers", () => import("./container/wait.ts")],
};

const trustAbout = `Manages which registries you trust as a source of container images based on their location.
  The location is determined by the transport and the registry host of the image.  Using this container image docker://quay.io/podman/stable as an example, docker is the transport and quay.io is the registry host.`;

const image: Contents = {
  build: ["Build an image using instructions from Containerfiles", () => import("./build/build.ts")],
  diff: ["Inspect changes to the image's file systems", () => import("./image/diff.ts")],
  exists: ["Check if an image exists in local storage", () => import("./image/exists.ts")],
  history: ["Show history of a specified image", () => import("./image/history.ts")],
  import: ["Import a tarball to create a filesystem image", () => import("./image/import.ts")],
  inspect: ["Display the configuration of an image", () => import("./image/inspect.ts")],
  list: ["List images in local storage", () => import("./image/images.ts"), { aliases: ["ls"] }],
  load: ["Load image(s) from a tar archive", () => import("./image/load.ts")],
  mount: ["Mount an image's root filesystem", () => import("./image/mount.ts")],
  prune: ["Remove unused images", () => import("./image/prune.ts")],
  pull: ["Pull an image from a registry", () => import("./image/pull.ts")],
  push: ["Push an image to a specified destination", () => import("./image/push.ts")],
  rm: ["Remove one or more images from local storage", () => import("./image/rmi.ts")],
  save: ["Save image(s) to an archive", () => import("./image/save.ts")],
  scp: ["Securely copy images", () => import("./image/scp.ts")],
  search: ["Search registry for image", () => import("./image/search.ts")],
  sign: ["Sign an image", () => import("./image/sign.ts")],
  tag: ["Add an additional name to a local image", () => import("./image/tag.ts")],
  trust: group("Manage container image trust policy", {
    set: ["Set default trust policy or a new trust policy for a registry", () => import("./image/trust/set.ts")],
    show: ["Display trust policy for the system", () => import("./image/trust/show.ts")],
  }, { about: trustAbout }),
  tree: ["Print layer hierarchy of an image in a tree format", () => import("./image/tree.ts")],
  unmount: ["Unmount an image's root filesystem", () => import("./image/unmount.ts"), { aliases: ["umount"] }],
  untag: ["Remove a name from a local image", () => import("./image/untag.ts")],
};

const buildx: Contents = {
  build: image["build"]!,
  inspect: ["Inspects build capabilities", () => import("./build/buildx-inspect.ts")],
  version: ["Displays the version of the builder", () => import("./build/buildx-version.ts")],
};

const network: Contents = {
  connect: ["Add container to a network", () => import("./network/connect.ts")],
  create: ["Create networks for containers and pods", () => import("./network/create.ts")],
  disconnect: ["Disconnect a container from a network", () => import("./network/disconnect.ts")],
  exists: ["Check if network exists", () => import("./network/exists.ts")],
  inspect: ["Inspect network", () => import("./network/inspect.ts")],
  ls: ["List networks", () => import("./network/ls.ts"), { aliases: ["list"] }],
  prune: ["Prune unused networks", () => import("./network/prune.ts")],
  reload: ["Reload firewall rules for one or more containers", () => import("./network/reload.ts")],
  rm: ["Remove networks", () => import("./network/rm.ts"), { aliases: ["remove"] }],
  update: ["Update an existing podman network", () => import("./network/update.ts")],
};

const volume: Contents = {
  create: ["Create a new volume", () => import("./volume/create.ts")],
  exists: ["Check if volume exists", () => import("./volume/exists.ts")],
  export: ["Export volumes", () => import("./volume/export.ts")],
  import: ["Import a tarball contents into a podman volume", () => import("./volume/import.ts")],
  inspect: ["Display detailed information on one or more volumes", () => import("./volume/inspect.ts")],
  ls: ["List volumes", () => import("./volume/ls.ts"), { aliases: ["list"] }],
  mount: ["Mount volume", () => import("./volume/mount.ts")],
  prune: ["Remove all unused volumes", () => import("./volume/prune.ts")],
  reload: ["Reload all volumes from volume plugins", () => import("./volume/reload.ts")],
  rm: ["Remove one or more volumes", () => import("./volume/rm.ts"), { aliases: ["remove"] }],
  unmount: ["Unmount volume", () => import("./volume/unmount.ts")],
};

const pod: Contents = {
  kill: ["Send the specified signal or SIGKILL to containers in pod", () => import("./pod/kill.ts")],
  ps: ["List pods", () => import("./pod/ps.ts"), { aliases: ["ls", "list"] }],
  rm: ["Remove one or more pods", () => import("./pod/rm.ts")],
  ...refusedPods,
};

const artifact: Contents = {
  add: ["Add an OCI artifact to the local store", () => import("./artifact/add.ts")],
  extract: ["Extract an OCI artifact to a local path", () => import("./artifact/extract.ts")],
  inspect: ["Inspect an OCI artifact", () => import("./artifact/inspect.ts")],
  ls: ["List OCI artifacts", () => import("./artifact/ls.ts"), { aliases: ["list"] }],
  pull: ["Pull an OCI artifact", () => import("./artifact/pull.ts")],
  push: ["Push an OCI artifact", () => import("./artifact/push.ts")],
  rm: ["Remove one or more OCI artifacts", () => import("./artifact/rm.ts"), { aliases: ["remove"] }],
};

const secret: Contents = {
  create: ["Create a new secret", () => import("./secret/create.ts")],
  exists: ["Check if a secret exists in local storage", () => import("./secret/exists.ts")],
  inspect: ["Inspect a secret", () => import("./secret/inspect.ts")],
  ls: ["List secrets", () => import("./secret/ls.ts"), { aliases: ["list"] }],
  rm: ["Remove one or more secrets", () => import("./secret/rm.ts")],
};

const system: Contents = {
  adopt: ["Bring images, volumes, networks and secrets over from an installed Podman", () => import("./system/adopt.ts")],
  check: ["Check storage consistency", () => import("./system/check.ts")],
  connection: group("Manage remote API service destinations", {
    list: ["List destination for the Podman service(s)", () => import("./system/connections.ts"), { aliases: ["ls"] }],
    ...refusedConnections,
  }),
  df: ["Show podman disk usage", () => import("./system/df.ts")],
  events: ["Show podman system events", () => import("./system/events.ts")],
  "health-timer": ["Run health checks when they are due", () => import("./system/health-timer.ts"), { hidden: true }],
  info: ["Display podman system information", () => import("./system/info.ts")],
  migrate: ["Migrate containers", () => import("./system/migrate.ts")],
  prune: ["Remove unused data", () => import("./system/prune.ts")],
  renumber: ["Migrate lock numbers", () => import("./system/renumber.ts")],
  reset: ["Reset podman storage", () => import("./system/reset.ts")],
  service: refusedService,
  "service-install": ["Start containers at boot", () => import("./system/service-install.ts")],
  setup: group("Set up programs that this machine lacks", {
    criu: ["Get a criu that checkpoints containers here", () => import("./system/setup/criu.ts")],
  }),
};

const contents: Contents = {
  ...refusedContents,
  artifact: group("Manage OCI artifacts", artifact),
  attach: container["attach"]!,
  build: image["build"]!,
  buildx: group("Build images", buildx, { aliases: ["builder"], hidden: true }),
  checkpoint: group("Look at checkpoints", {
    inspect: ["Show what is inside a checkpoint", () => import("./checkpoint/inspect.ts")],
  }),
  commit: container["commit"]!,
  completion: ["Generate shell autocompletions", () => import("./system/completion.ts"), { hidden: true }],
  container: group("Manage containers", container),
  cp: container["cp"]!,
  create: container["create"]!,
  diff: ["Display the changes to the object's file system", () => import("./diff.ts")],
  doctor: ["Look for what makes commands fail on this machine", () => import("./system/doctor.ts")],
  events: ["Show podman system events", () => import("./system/events.ts")],
  exec: container["exec"]!,
  export: container["export"]!,
  healthcheck: group("Manage health checks on containers", {
    run: ["Run the health check of a container", () => import("./healthcheck/run.ts")],
  }, { about: "Run health checks on containers" }),
  help: ["Help about any command", () => import("./system/help.ts")],
  history: image["history"]!,
  image: group("Manage images", image),
  images: ["List images in local storage", () => import("./image/images.ts")],
  import: image["import"]!,
  info: system["info"]!,
  init: container["init"]!,
  inspect: ["Display the configuration of object denoted by ID", () => import("./inspect.ts")],
  kill: container["kill"]!,
  load: image["load"]!,
  login: ["Log in to a container registry", () => import("./system/login.ts")],
  logout: ["Log out of a container registry", () => import("./system/logout.ts")],
  logs: container["logs"]!,
  manifest: manifestVerbs("Manipulate manifest lists and image indexes"),
  mount: container["mount"]!,
  network: group("Manage networks", network),
  pause: container["pause"]!,
  pod: group("Manage pods", pod, { about: "Pods are a group of one or more containers sharing the same network, pid and ipc namespaces." }),
  port: container["port"]!,
  ps: container["ps"]!,
  pull: image["pull"]!,
  push: image["push"]!,
  rename: container["rename"]!,
  restart: container["restart"]!,
  rm: container["rm"]!,
  rmi: ["Remove one or more images from local storage", () => import("./image/rmi.ts")],
  run: container["run"]!,
  save: image["save"]!,
  secret: group("Manage secrets", secret),
  search: image["search"]!,
  start: container["start"]!,
  stats: container["stats"]!,
  stop: container["stop"]!,
  system: group("Manage podman", system),
  tag: image["tag"]!,
  top: container["top"]!,
  unmount: container["unmount"]!,
  unpause: container["unpause"]!,
  unshare: ["Run a command in a modified user namespace", () => import("./system/unshare.ts")],
  untag: image["untag"]!,
  update: container["update"]!,
  version: ["Display the Podman version information", () => import("./system/version.ts")],
  volume: group("Manage volumes", volume, { about: "Volumes are created in and can be shared between containers" }),
  wait: container["wait"]!,
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
