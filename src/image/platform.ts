// Which platform is wanted, and which entry of an index serves it.
// Source: OCI image-spec image-index.md "platform"; the order of variants from most to least capable.

import type { Index, Descriptor, Platform } from "../base/oci-image.ts";
import { isIndexMediaType, mediaTypes } from "../base/media-types.ts";
import { Fault } from "../base/fault.ts";

/** What a person asked for; absent parts are this machine's. */
export interface PlatformChoice {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
}

const architectures: Readonly<Record<string, string>> = {
  x64: "amd64", x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64", ia32: "386", i386: "386", armhf: "arm", armel: "arm",
  ppc64el: "ppc64le", mipsel: "mipsle",
};

const variantsMostCapableFirst: Readonly<Record<string, readonly string[]>> = {
  arm: ["v8", "v7", "v6", "v5"],
  arm64: ["v8"],
};

/** "aarch64" is "arm64", "x86_64" is "amd64", and so on. */
export const normalArchitecture = (name: string): string => architectures[name.toLowerCase()] ?? name.toLowerCase();

/** Whether images are made for it. */
export const isArchitecture = (name: string): boolean =>
  /^(386|amd64|arm|arm64|loong64|mips|mipsle|mips64|mips64le|ppc64|ppc64le|riscv64|s390x|sparc64|wasm)$/.test(normalArchitecture(name));

/** This machine, in the words of images. */
export function hostPlatform(): Platform {
  const architecture = normalArchitecture(process.arch);
  if (architecture === "arm64") return { os: "linux", architecture, variant: "v8" };
  if (architecture === "arm") return { os: "linux", architecture, variant: "v7" };
  if (process.arch === "ppc64") return { os: "linux", architecture: "ppc64le" };
  return { os: "linux", architecture };
}

/** A platform whole: absent parts are this machine's, and names that stand for an architecture and a variant are split. */
export function normalPlatform({ os, architecture, variant }: PlatformChoice): Platform {
  const host = hostPlatform();
  if (!architecture) return { ...host, os: os || host.os };
  const implied = architecture === "armhf" ? "v7" : architecture === "armel" ? "v6" : undefined;
  const found = variant || implied;
  return { os: os || host.os, architecture: normalArchitecture(architecture), ...(found ? { variant: found } : {}) };
}

/** Reads "OS[/ARCH[/VARIANT]]". @throws Fault "usage.invalid" */
export function parsePlatform(text: string): PlatformChoice {
  const [os = "", architecture = "", variant = "", ...rest] = text.split("/");
  if (rest.length > 0 || os === "") {
    throw new Fault("usage.invalid", `invalid platform syntax for --platform=${JSON.stringify(text)}: use OS/ARCH[/VARIANT]`);
  }
  return {
    os: os.toLowerCase(),
    ...(architecture === "" ? {} : { architecture: normalArchitecture(architecture) }),
    ...(variant === "" ? {} : { variant: variant.toLowerCase() }),
  };
}

export const isChosen = (choice: PlatformChoice | undefined): boolean =>
  Boolean(choice && (choice.os || choice.architecture || choice.variant));

/** All platforms that will do, the best first. */
export function wantedPlatforms(choice: PlatformChoice = {}): Platform[] {
  const host = hostPlatform();
  const os = choice.os || host.os;
  const architecture = choice.architecture ? normalArchitecture(choice.architecture) : host.architecture;
  const variant = choice.variant || (choice.architecture ? undefined : host.variant);
  const order = variantsMostCapableFirst[architecture] ?? [];
  const from = variant === undefined ? -1 : order.indexOf(variant);
  const variants = variant === undefined ? ["", ...order] : [...(from < 0 ? [variant] : order.slice(from)), ""];
  return variants.map(name => ({ os, architecture, ...(name === "" ? {} : { variant: name }) }));
}

const serves = (have: Platform, want: Platform): boolean =>
  have.os === want.os && normalArchitecture(have.architecture) === want.architecture &&
  (have.variant ?? "") === (want.variant ?? "");

/**
 * The entry of an index for the wanted platform; among equals the first, zstd layers notwithstanding.
 *
 * @throws Fault "image.wrong-platform"
 */
export function choosePlatform(index: Index, choice: PlatformChoice = {}): Descriptor {
  const images = index.manifests.filter(entry => !isIndexMediaType(entry.mediaType));
  for (const want of wantedPlatforms(choice)) {
    const found = images.find(entry => entry.platform && serves(entry.platform, want));
    if (found) return found;
  }
  const bare = images.filter(entry => entry.platform === undefined);
  if (bare[0] && bare.length === 1 && images.length === 1) return bare[0];
  const want = wantedPlatforms(choice)[0]!;
  const kind = index.mediaType === mediaTypes.dockerList ? "manifest list" : "image index";
  throw new Fault(
    "image.wrong-platform",
    `no image found in ${kind} for architecture "${want.architecture}", variant "${want.variant ?? ""}", OS "${want.os}"`,
    { hint: `choose one of: ${[...new Set(images.map(platformText))].join(", ") || "(no image at all)"} with --platform` },
  );
}

function platformText(entry: Descriptor): string {
  const { os = "unknown", architecture = "unknown", variant } = entry.platform ?? {};
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
}

/** What podman warns about when an image is for another machine; undefined when it fits or says nothing. */
export function platformWarning(have: PlatformChoice, choice: PlatformChoice = {}): string | undefined {
  const wanted = wantedPlatforms(choice);
  const want = wanted[0]!;
  const fits = (!have.os || have.os === want.os) &&
    (!have.architecture || normalArchitecture(have.architecture) === want.architecture) &&
    (!choice.variant || !have.variant || wanted.some(one => one.variant === have.variant));
  if (fits) return undefined;
  const text = (one: PlatformChoice) => [one.os, one.architecture, one.variant].filter(Boolean).join("/");
  return `image platform (${text(have)}) does not match the expected platform (${text(want)})`;
}
