// manifest add: one more entry in a manifest list: an image, all of another list's, or files as an artifact.
// Source: podman-manifest-add(1), buildah-manifest-add(1).

import { text, texts, toggle, type Values } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { changeEntry, getList, write, type ManifestList } from "../../image/manifest-list.ts";
import { addArtifact, addToList, subjectOf, type Added, type AddRequest } from "../../image/manifest-list-add.ts";
import { cut, refuse } from "../container/written/refuse.ts";
import { imageSystem } from "../pulling.ts";
import { authfile, certDir, creds } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { changeOf, entryFlags, isBuildah } from "./words.ts";

const artifactFlags = {
  artifactAnnotation: texts({ help: "artifact annotation" }),
  artifactConfig: text({ help: "artifact configuration file" }),
  artifactConfigType: text({ help: "artifact configuration media type" }),
  artifactExcludeTitles: toggle({ help: `refrain from setting "org.opencontainers.image.title" annotations on "layers"` }),
  artifactLayerType: text({ help: "artifact layer media type" }),
  artifactSubject: text({ value: "IMAGE", help: "artifact subject reference" }),
  artifactType: text({ help: "override the artifact type" }),
} as const;

const flags = {
  ...entryFlags,
  ...artifactFlags,
  all: toggle({ help: "add all of the list's images if the image is a list" }),
  artifact: toggle({ help: "add all arguments as artifact files rather than as images" }),
  authfile,
  certDir,
  creds,
  insecure: toggle({ help: "neither require HTTPS nor verify certificates when accessing the registry", hidden: true }),
  tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
} as const;
type Flags = Values<typeof flags>;

export default verb({
  usage: "[options] LIST IMAGEORARTIFACT [IMAGEORARTIFACT...]",
  about: "Adds an image or artifact to a manifest list or image index.",
  operands: atLeast(2, imageNames),
  flags,
  examples: ["podman manifest add mylist:v1.11 image:v1.11-amd64", "podman manifest add mylist:v1.11 transport:imageName"],
  async run({ context, flags: asked, given, operands }) {
    const [name, ...words] = operands as [string, ...string[]];
    refuseArtifactFlags(asked, given);
    if (asked.insecure && given.has("tlsVerify")) throw refuse("--insecure may not be used with --tls-verify");
    const { store } = context.host;
    const { os: _os, arch: _arch, variant: _variant, ...access } = asked;
    const plain = imageSystem(context, { ...access, ...(asked.insecure ? { tlsVerify: false } : {}) }, asked.insecure ? new Set([...given, "tlsVerify"]) : given);
    const platform = { ...(asked.os ? { os: asked.os } : {}), ...(asked.arch ? { architecture: asked.arch } : {}), ...(asked.variant ? { variant: asked.variant } : {}) };
    const request: AddRequest = { store, system: { ...plain, platform }, all: asked.all };
    const list = getList(store, name, context.host.imageSystem);
    const added = asked.artifact ? await artifact(list, words, { asked, request }) : await images(list, words, request);
    const change = changeOf(asked);
    const grown = Object.keys(change).length === 0 || asked.all ? added.list : changeEntry(added.list, added.digest, change);
    write(store, grown);
    context.out(isBuildah(context) ? `${list.id}: ${added.digest}` : list.id);
  },
});

function refuseArtifactFlags({ artifact }: Flags, given: ReadonlySet<string>): void {
  const written = Object.keys(artifactFlags).filter((key) => given.has(key)).map((key) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  if (artifact || written.length === 0) return;
  throw refuse(`${written.join("/")} ${written.length === 1 ? "requires" : "require"} --artifact`);
}

async function images(list: ManifestList, names: readonly string[], request: AddRequest): Promise<Added> {
  let added: Added | undefined;
  for (const name of names) {
    const grown: ManifestList = added?.list ?? list;
    // A wish for a platform may be one for the entry alone: what the name leads to is then taken as it is.
    added = await addToList(grown, name, request).catch(async (thrown: { code?: string }) => {
      if (thrown.code !== "image.wrong-platform") throw thrown;
      const { platform: _platform, ...system } = request.system;
      return addToList(grown, name, { ...request, system });
    });
  }
  return added!;
}

async function artifact(list: ManifestList, files: readonly string[], { asked, request }: { asked: Flags; request: AddRequest }): Promise<Added> {
  return addArtifact(request.store, list, {
    files,
    artifact: {
      ...(asked.artifactType === undefined ? {} : { type: asked.artifactType }),
      ...(asked.artifactLayerType ? { layerType: asked.artifactLayerType } : {}),
      ...(asked.artifactConfigType ? { configType: asked.artifactConfigType } : {}),
      ...(asked.artifactConfig ? { configFile: asked.artifactConfig } : {}),
      ...(asked.artifactSubject ? { subject: await subjectOf(asked.artifactSubject, request) } : {}),
      annotations: Object.fromEntries(asked.artifactAnnotation.map((line) => [cut(line)[0], cut(line)[1] ?? ""])),
      excludeTitles: asked.artifactExcludeTitles,
    },
  });
}
