// The commands that are killed: how the store is brought to where each can begin, and what its success promises.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { makeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import type { Registry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";

export interface Operation {
  readonly name: string;
  /** On whatever the last kill has left. */
  prepare(): void;
  readonly argv: readonly string[];
  /** Default podman. */
  readonly program?: "podman" | "buildah" | "skopeo";
  /** Whether what it does is done. */
  isDone(): boolean;
  /** What it left outside the store that nobody asked for, one a line. */
  left?(): string[];
}

/** As a machine that lets nobody raise his own wants them said. */
const limits = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"];
const small = "127.0.0.1:5000/small:latest";
const base = "127.0.0.1:5000/base:latest";
const large = "127.0.0.1:5000/large:latest";

/** Three layers, so that some are unpacked beside others; a base that stays, and a container to commit. */
export async function makeOperations(registry: Registry): Promise<Operation[]> {
  const folder = newFolder("operations");
  const file = (name: string, data: string) => tarOf([{ name, body: data }]);
  await registry.push(makeImage({ layers: [file("one", "1".repeat(50_000)), file("two", "2"), file("three", "3")] }), "small");
  await registry.push(makeImage({ layers: [busyboxLayer()] }), "base");
  // Large enough for a layer that is a file.
  await registry.push(makeImage({ layers: [busyboxLayer(), file("noise", noise())] }), "large");
  ok("pull", "-q", small);
  ok("save", "-q", "-o", join(folder, "small.tar"), small);
  mkdirSync(join(folder, "context"));
  mkdirSync(join(folder, "out"));
  writeFileSync(join(folder, "context", "Containerfile"), `FROM ${base}\nCOPY f /f\nRUN echo 1 >/made\nLABEL a=b\n`);
  writeFileSync(join(folder, "context", "f"), "hello");
  ok("volume", "create", "stuff");
  return operationsIn(folder);
}

const noise = (): string => Array.from({ length: 30 }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64")).join("");

const has = (...words: string[]): boolean => podman(...words).status === 0;
const need = (name: string, ...options: string[]): void => void (has("container", "exists", name) || ok("run", "-d", "--name", name, ...options, base, "sleep", "1000"));
const quietly = (...words: string[]): void => void podman(...words);

/** Files that are written for the person: at their place and whole, or not at all. */
function writing(out: string, name: string): Required<Pick<Operation, "isDone" | "left">> & { readonly path: string } {
  const path = join(out, name);
  const isWhole = (): boolean => run(["tar", "--zstd", "-tf", path]).status === 0 || run(["tar", "-tf", path]).status === 0;
  return { path, isDone: isWhole, left: () => readdirSync(out).flatMap(found => (found !== name ? [`beside it: ${found}`] : isWhole() ? [] : [`a part: ${found}`])) };
}

/** With --rm nothing stays, wherever its command died; what ran meanwhile has its moment to end. */
function stillListed(): string[] {
  const end = Date.now() + 8000;
  let listed = ok("ps", "-aq");
  while (listed !== "" && Date.now() < end) {
    Bun.sleepSync(100);
    listed = ok("ps", "-aq");
  }
  return listed === "" ? [] : [`still listed: ${ok("ps", "-a", "--no-trunc")}`];
}

/** Of the other two programs; with them the same is tried on the originals. */
export function otherOperations(folder = newFolder("other")): Operation[] {
  const target = join(folder, "target");
  const copied = (transport: string): Pick<Operation, "isDone" | "left"> => {
    const answers = (): boolean => run(["skopeo", "inspect", "--raw", `${transport}:${target}`]).status === 0;
    // What says that it is an image is one, whole.
    const isWhole = (): boolean => run(["skopeo", "copy", `${transport}:${target}`, `dir:${join(folder, "again")}`]).status === 0;
    return { isDone: () => answers() && isWhole(), left: () => (answers() && !isWhole() ? ["an image at the target that is not whole"] : []) };
  };
  const copy = (transport: string): Operation => ({
    name: `skopeo copy to ${transport}`, program: "skopeo", argv: ["copy", "-q", "--src-tls-verify=false", `docker://${small}`, `${transport}:${target}`], ...copied(transport),
    prepare: () => { for (const name of ["target", "again"]) rmSync(join(folder, name), { recursive: true, force: true }); },
  });
  const working = (): void => {
    if (!has("image", "exists", base)) ok("pull", "-q", base);
    if (run(["buildah", "inspect", "working"]).status !== 0) mustRun(["buildah", "from", "--name", "working", base]);
  };
  return [
    copy("dir"), copy("oci"),
    { name: "buildah from", program: "buildah", argv: ["from", "--name", "begun", base], isDone: () => run(["buildah", "inspect", "begun"]).status === 0, prepare: () => { working(); run(["buildah", "rm", "begun"]); } },
    { name: "buildah commit", program: "buildah", argv: ["commit", "-q", "working", "wrought"], isDone: () => has("image", "exists", "wrought"), prepare: () => { working(); quietly("rmi", "-f", "-i", "wrought"); } },
    { name: "buildah rm", program: "buildah", argv: ["rm", "working"], isDone: () => run(["buildah", "inspect", "working"]).status !== 0, prepare: working },
  ];
}

function operationsIn(folder: string): Operation[] {
  const withBase = (prepare: () => void) => () => {
    if (!has("image", "exists", base)) ok("pull", "-q", base);
    prepare();
  };
  const withoutSmall = (): void => quietly("rmi", "-f", "-i", small);
  const withSmall = (): void => void (has("image", "exists", small) || ok("load", "-q", "-i", join(folder, "small.tar")));
  const withLarge = (): void => {
    ok("pull", "-q", large);
    ok("run", "--rm", "--network", "none", large, "true");
  };
  const saved = writing(join(folder, "out"), "saved.tar");
  const exported = writing(join(folder, "out"), "exported.tar.zst");
  const withoutFiles = (): void => {
    for (const name of readdirSync(join(folder, "out"))) rmSync(join(folder, "out", name));
  };
  const web = (): void => quietly("rm", "-f", "-i", "-t", "0", "web");
  return [
    { name: "pull", prepare: withoutSmall, argv: ["pull", "-q", small], isDone: () => has("image", "exists", small) },
    { name: "pull of a layer as a file", prepare: () => quietly("rmi", "-f", "-i", large), argv: ["pull", "-q", large], isDone: () => has("image", "exists", large) },
    { name: "rmi of a layer that is mounted", prepare: withLarge, argv: ["rmi", large], isDone: () => !has("image", "exists", large) },
    { name: "load", prepare: withoutSmall, argv: ["load", "-q", "-i", join(folder, "small.tar")], isDone: () => has("image", "exists", small) },
    { name: "rmi", prepare: withSmall, argv: ["rmi", small], isDone: () => !has("image", "exists", small) },
    { name: "tag", prepare: withSmall, argv: ["tag", small, "other"], isDone: () => has("image", "exists", "other") },
    { name: "build", prepare: withBase(() => quietly("rmi", "-f", "-i", "built")), argv: ["build", "-q", "--no-cache", "--network", "none", ...limits, "-t", "built", join(folder, "context")], isDone: () => has("image", "exists", "built") },
    {
      name: "commit", argv: ["commit", "-q", "source", "committed"], isDone: () => has("image", "exists", "committed"),
      prepare: withBase(() => {
        quietly("rmi", "-f", "-i", "committed");
        need("source", "--network", "none");
      }),
    },
    { name: "run", prepare: withBase(() => {}), argv: ["run", "--rm", "--network", "none", "-v", "/data", base, "true"], isDone: () => true, left: stillListed },
    { name: "run with a network", prepare: withBase(() => {}), argv: ["run", "--rm", "-v", "/data", base, "true"], isDone: () => true, left: stillListed },
    { name: "run with a port", prepare: withBase(() => {}), argv: ["run", "--rm", "-p", "8077:80", base, "true"], isDone: () => true, left: stillListed },
    { name: "run -d", prepare: withBase(web), argv: ["run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", base, "sleep", "1000"], isDone: () => ok("ps", "-q", "--filter", "name=web") !== "" },
    {
      name: "start", argv: ["start", "web"], isDone: () => ok("ps", "-q", "--filter", "name=web") !== "",
      prepare: withBase(() => { web(); need("web", "-p", "127.0.0.1:8080:80"); ok("stop", "-t", "0", "web"); }),
    },
    { name: "stop", prepare: withBase(() => { web(); need("web", "-p", "127.0.0.1:8080:80"); }), argv: ["stop", "-t", "0", "web"], isDone: () => ok("ps", "-q", "--filter", "name=web") === "" },
    { name: "rm", prepare: withBase(() => { web(); need("web", "-p", "127.0.0.1:8080:80", "-v", "/data"); }), argv: ["rm", "-f", "-v", "-t", "0", "web"], isDone: () => !has("container", "exists", "web") },
    {
      name: "rm of many", argv: ["rm", "-f", "--all", "-v", "-t", "0"], isDone: () => ok("ps", "-aq") === "",
      prepare: withBase(() => {
        for (let count = 0; count < 18; count++) ok("create", "--network", "none", ...(count < 2 ? ["-v", "/data"] : []), base, "true");
      }),
    },
    {
      name: "prune", argv: ["system", "prune", "-f", "--volumes"], isDone: () => ok("ps", "-aq", "--filter", "name=ended") === "",
      prepare: withBase(() => {
        withSmall();
        quietly("untag", small);
        quietly("rm", "-f", "-i", "-t", "0", "ended");
        ok("run", "--name", "ended", "--network", "none", base, "true");
      }),
    },
    {
      name: "network connect", argv: ["network", "connect", "two", "web"], isDone: () => ok("inspect", "web", "--format", "{{json .NetworkSettings.Networks}}").includes('"two"'),
      prepare: withBase(() => {
        web();
        for (const name of ["one", "two"]) if (!has("network", "exists", name)) ok("network", "create", name);
        need("web", "--network", "one");
      }),
    },
    {
      name: "volume import", argv: ["volume", "import", "stuff", join(folder, "small.tar")], isDone: () => has("volume", "exists", "stuff"),
      prepare: () => void (has("volume", "exists", "stuff") || ok("volume", "create", "stuff")),
    },
    { name: "save", argv: ["save", "-q", "-o", saved.path, small], isDone: saved.isDone, left: saved.left, prepare: () => { withSmall(); withoutFiles(); } },
    {
      name: "checkpoint", argv: ["container", "checkpoint", "web"], isDone: () => ok("inspect", "web", "--format", "{{.State.Checkpointed}}") === "true",
      prepare: withBase(() => { web(); need("web", "-p", "127.0.0.1:8080:80"); }),
    },
    {
      name: "checkpoint to a file", argv: ["container", "checkpoint", "-e", exported.path, "web"], isDone: exported.isDone, left: exported.left,
      prepare: withBase(() => { withoutFiles(); web(); need("web", "--network", "none"); }),
    },
    {
      name: "restore", argv: ["container", "restore", "web"], isDone: () => ok("ps", "-q", "--filter", "name=web") !== "",
      prepare: withBase(() => { web(); need("web", "-p", "127.0.0.1:8080:80"); ok("container", "checkpoint", "web"); }),
    },
    {
      name: "restore from a file", argv: ["container", "restore", "-i", exported.path, "-n", "again"], isDone: () => ok("ps", "-q", "--filter", "name=again") !== "",
      prepare: withBase(() => {
        quietly("rm", "-f", "-i", "-t", "0", "again");
        if (exported.isDone()) return;
        withoutFiles();
        web();
        need("web", "--network", "none");
        ok("container", "checkpoint", "-e", exported.path, "web");
        web();
      }),
    },
  ];
}
