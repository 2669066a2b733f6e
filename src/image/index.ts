// The image room as a library: import { pull, copyImage } from "coracle/image".

export { copyImage } from "./copy.ts";
export type { Copied, CopyOptions } from "./copy.ts";
export { filterImages } from "./filters.ts";
export { imageHistory } from "./history.ts";
export type { HistoryEntry } from "./history.ts";
export { inspectImage } from "./inspect.ts";
export type { ImageInspect } from "./inspect.ts";
export { imageRows, imageSortKeys, listImages, repoDigests } from "./list.ts";
export type { ImageRow, ImageSortKey, ImageSummary, ListOptions } from "./list.ts";
export { loadImages } from "./load.ts";
export { layerCompression, rawManifest, readManifest } from "./manifest.ts";
export type { ParsedManifest, RawManifest } from "./manifest.ts";
export { readConfig } from "./config.ts";
export { tagImage, untagImage } from "./names.ts";
export { choosePlatform, hostPlatform, parsePlatform, wantedPlatforms } from "./platform.ts";
export type { PlatformChoice } from "./platform.ts";
export { enforcePolicy, readPolicy } from "./policy.ts";
export { plainLine, plainProgress } from "./progress.ts";
export type { OnProgress, Progress } from "./progress.ts";
export { parsePullPolicy, pull, pullFrom, pullPolicies } from "./pull.ts";
export type { LoadedImage, PullPolicy, PullRequest } from "./pull.ts";
export { manifestTypeOf, push } from "./push.ts";
export type { PushRequest } from "./push.ts";
export {
  atDockerHub, atLocalhost, familiarText, findReference, isShort, nameToGive, parseReference, referenceText, repositoryOf, withDefaultTag,
} from "./reference.ts";
export type { Reference } from "./reference.ts";
export { removeImages } from "./remove.ts";
export type { RemovedImages, RemoveOptions } from "./remove.ts";
export { findImage, getFound, getImage, imageExists, lookupImage } from "./resolve.ts";
export type { FoundImage } from "./resolve.ts";
export { saveFormats, saveImages } from "./save.ts";
export type { SaveFormat, SaveRequest } from "./save.ts";
export { resolveShortName } from "./short-names.ts";
export type { Prompt, Resolved } from "./short-names.ts";
export type { Cargo, Sink, Source } from "./source.ts";
export { storedConfig, storedManifest } from "./stored-config.ts";
export type { ImageSystem } from "./system.ts";
export { findImageName, openSink, openSource, parseImageName } from "./transport.ts";
export type { ImageName, World } from "./transport.ts";
