// buildah inspect: what is known of a working container or an image.
// Source: buildah-inspect(1).

import { Fault } from "../../base/fault.ts";
import { goJson } from "../../base/go-json.ts";
import { text } from "../../cli/flag.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { findWorking, getWorking, type WorkingContainer } from "../../engine/working/records.ts";
import { getFound } from "../../image/resolve.ts";
import { storedConfig, storedManifest } from "../../image/stored-config.ts";
import { capabilitySet } from "../../security/capabilities.ts";
import type { StoredImage } from "../../storage/store.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb, type Invocation } from "../verb.ts";
import { buildInfo, type BuildFacts } from "./build-info.ts";
import { inFront, ordered, workingNames } from "./operands.ts";

export default verb({
  usage: "[flags] NAME",
  about: "\n  Inspects a build container's or built image's configuration.",
  operands: ordered({ missing: "container or image name must be specified", most: 1, complete: workingNames }),
  interspersed: false,
  flags: {
    format: text({ short: "f", value: "format", help: "use format as a Go template to format the output" }),
    type: text({ short: "t", value: "type", help: "look at the item of the specified type (container or image) and name", fallback: "container" }),
  },
  examples: ["buildah inspect containerID", "buildah inspect --type image imageID", "buildah inspect --format '{{.OCIv1.Config.Env}}' alpine"],
  async run({ context, flags, given, operands }) {
    const facts = await factsOf(context, operands[0]!, { type: flags.type, isTyped: given.has("type") });
    if (facts === undefined) return;
    const info = buildInfo(facts);
    if (!flags.format) return context.out(goJson(info.json, { indent: "    ", escapeHtml: !isTerminal(1) }));
    await showTemplate(context, flags.format, info.go);
  },
});

/** As the template says, without a newline of its own. */
export async function showTemplate(context: Invocation, format: string, value: unknown): Promise<void> {
  if (!/\{\{.*\}\}/.test(format)) throw refuse(`invalid format provided: ${format}`);
  const { readTemplate, runTemplate } = await import("../../cli/template/evaluate.ts");
  const { Shapes } = await import("../../cli/template/value.ts");
  context.write(runTemplate(readTemplate(format, "inspect"), value, { shapes: new Shapes() }) + (isTerminal(1) ? "\n" : ""));
}

/** undefined: it was a manifest list, which is printed already. */
async function factsOf(context: Invocation, name: string, { type, isTyped }: { type: string; isTyped: boolean }): Promise<BuildFacts | undefined> {
  const { host } = context;
  if (type === "manifest") return inspectList(context, name);
  if (type !== "container" && type !== "image") throw refuse('the only recognized types are "container" and "image"');
  if (type === "container") {
    const record = isTyped ? needRecord(context, name) : findWorking(host, name);
    if (record) return ofRecord(context, record);
  }
  try {
    const found = getFound(host.store, name, host.imageSystem);
    return ofImage(context, found.image, found.name);
  } catch (thrown) {
    if (type === "container") {
      const shown = await inspectList(context, name).then(() => true, () => false);
      if (shown) return undefined;
    }
    throw thrown;
  }
}

async function inspectList(context: Invocation, name: string): Promise<undefined> {
  const { showList } = await import("../manifest/inspect.ts");
  await showList(context, name, context.host.imageSystem);
  return undefined;
}

function needRecord({ host }: Invocation, name: string): WorkingContainer {
  try {
    return getWorking(host, name);
  } catch (thrown) {
    throw inFront("reading build container", thrown);
  }
}

const namespaceNames = ["cgroup", "ipc", "network", "pid", "user", "uts"];

function ofRecord({ host }: Invocation, record: WorkingContainer): BuildFacts {
  const image = record.imageId === "" ? undefined : host.store.images.get(record.imageId);
  const { run } = record;
  const wishes = { capAdd: run.security?.capAdd ?? [], capDrop: run.security?.capDrop ?? [] };
  return {
    image: { name: record.imageName, id: record.imageId, digest: record.imageDigest },
    ...textsOf(host, image),
    container: record.name,
    containerId: record.id,
    mountPoint: record.isMounted && host.store.roots.isMounted(record.id) ? host.store.roots.path(record.id) : "",
    annotations: record.annotations,
    createdBy: record.createdBy ?? "",
    config: record.config,
    prepended: record.prepended ?? [],
    groups: run.groupAdd,
    isolation: record.isolation ?? "oci",
    ...(record.cni ? { cni: record.cni } : {}),
    namespaces: namespaceNames.map((name) => {
      const mode = name === "network" ? undefined : run.namespaces?.[name as "pid"];
      const isHost = name === "network" ? run.network?.mode === "host" : mode?.kind === "host" || (name === "user" && mode === undefined);
      return { name, host: isHost, path: (name === "network" ? run.network?.target : mode?.target) ?? "" };
    }),
    capabilities: [...capabilitySet(wishes as Parameters<typeof capabilitySet>[0])].sort(),
  };
}

function textsOf(host: Invocation["host"], image: StoredImage | undefined): { configText: string; manifestText: string } {
  if (image === undefined) return { configText: "", manifestText: "" };
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { configText: text(host.store.images.configBytes(image)), manifestText: text(host.store.images.manifest(image)) };
}

function ofImage({ host }: Invocation, image: StoredImage, name: string): BuildFacts {
  if (image.manifest.mediaType === "") throw new Fault("image.malformed", `cannot inspect ${name}: its manifest has no type`);
  return {
    image: { name: image.names[0] ?? name, id: image.id, digest: image.manifest.digest },
    ...textsOf(host, image),
    container: "",
    containerId: "",
    mountPoint: "",
    annotations: storedManifest(host.store, image).annotations ?? {},
    createdBy: "",
    config: storedConfig(host.store, image),
    prepended: [],
    groups: undefined,
    isolation: "",
    namespaces: [],
    capabilities: [],
  };
}
