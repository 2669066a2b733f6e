// Which Podman we stand for, and which Coracle we are.

/** The Podman whose command line, output and behaviour are ours. */
export const compatibleVersion = "5.8.6";
export const ownVersion = "0.1.0";

declare const CORACLE_BUILT: number | undefined;
declare const CORACLE_COMMIT: string | undefined;

/** Unix seconds, set by the build; undefined when run from source. */
export function builtAt(): number | undefined {
  return typeof CORACLE_BUILT === "number" ? CORACLE_BUILT : undefined;
}

export function builtFrom(): string {
  return typeof CORACLE_COMMIT === "string" ? CORACLE_COMMIT : "";
}
/** The Skopeo whose command line, output and behaviour are ours. */
export const compatibleSkopeo = "1.22.0";
/** The Buildah whose command line, output and behaviour are ours. */
export const compatibleBuildah = "1.43.2";
/** The Udica whose command line, output and behaviour are ours. */
export const compatibleUdica = "0.2.8";
