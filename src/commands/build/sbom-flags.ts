// The options that have a bill of materials made of what is built or committed.
// Source: buildah-build(1), buildah-commit(1).

import { files } from "../../cli/complete.ts";
import { text, texts, type Values } from "../../cli/flag.ts";
import { mergeStrategies, type MergeStrategy } from "../../engine/sbom/merge.ts";
import presets from "../../engine/sbom/presets.json";
import type { SbomScan } from "../../engine/sbom/scan.ts";
import { refuse } from "../container/written/refuse.ts";
import { shellWords } from "../working/shell-words.ts";

export const sbomFlags = {
  sbom: text({ value: "preset", help: "scan working container using preset configuration" }),
  sbomImageOutput: text({ value: "path", help: "add scan results to image as path" }),
  sbomImagePurlOutput: text({ value: "path", help: "add scan results to image as path" }),
  sbomMergeStrategy: text({ value: "strategy", help: "merge scan results using strategy" }),
  sbomOutput: text({ value: "file", help: "save scan results to file", complete: files }),
  sbomPurlOutput: text({ value: "file", help: "save scan results to file", complete: files }),
  sbomScannerCommand: texts({ value: "command", help: "scan working container using command in scanner image" }),
  sbomScannerImage: text({ value: "image", help: "scan working container using scanner command from image" }),
} as const;

type Flags = Values<typeof sbomFlags>;

/** Undefined when none of them was written. @throws Fault "usage.invalid" in buildah's words */
export function readScan(flags: Flags, given: ReadonlySet<string>): SbomScan | undefined {
  if (!Object.keys(sbomFlags).some(key => given.has(key))) return undefined;
  const { image, commands, merge } = scannerOf(flags);
  if (!image || commands.length === 0) throw refuse('sbom configuration missing one or more of ("--sbom-scanner-image" or "--sbom-scanner-command")');
  if (![flags.sbomOutput, flags.sbomImageOutput, flags.sbomPurlOutput, flags.sbomImagePurlOutput].some(Boolean)) {
    throw refuse('sbom configuration missing one or more of ("--sbom-output", "--sbom-image-output", "--sbom-purl-output" or "--sbom-image-purl-output")');
  }
  if (commands.length > 1 && !merge) throw refuse('sbom configuration included multiple "--sbom-scanner-command" values but no "--sbom-merge-strategy" value');
  return {
    image,
    commands: commands.map(commandOf),
    ...(merge ? { merge: strategyOf(merge) } : {}),
    inImage: places(flags.sbomImageOutput, flags.sbomImagePurlOutput),
    onHost: places(flags.sbomOutput, flags.sbomPurlOutput),
  };
}

interface Scanner {
  readonly image: string | undefined;
  readonly commands: readonly string[];
  readonly merge: string | undefined;
}

function scannerOf({ sbom, sbomScannerImage, sbomScannerCommand, sbomMergeStrategy }: Flags): Scanner {
  const name = !sbom || sbom === "syft" ? "syft-cyclonedx" : sbom === "trivy" ? "trivy-cyclonedx" : sbom;
  if (!Object.hasOwn(presets, name)) throw refuse(`parsing --sbom flag: unrecognized preset name ${JSON.stringify(sbom)}`, "use syft, syft-cyclonedx, syft-spdx, trivy, trivy-cyclonedx or trivy-spdx");
  // What is written in full stands alone.
  if (sbomScannerImage || sbomScannerCommand.length > 0 || sbomMergeStrategy) return { image: sbomScannerImage, commands: sbomScannerCommand, merge: sbomMergeStrategy };
  return presets[name as keyof typeof presets];
}

function strategyOf(written: string): MergeStrategy {
  const found = mergeStrategies.find(one => one === written);
  if (found === undefined) throw refuse(`sbom arguments included unrecognized merge strategy ${JSON.stringify(written)}`, `use one of: ${mergeStrategies.join(", ")}`);
  return found;
}

/** Scanners' images may have no shell. */
const commandOf = (written: string): SbomScan["commands"][number] =>
  /[<>|;&$`]/.test(written) ? { text: written } : { text: written, words: shellWords(written, "--sbom-scanner-command") };

const places = (bill: string | undefined, purls: string | undefined): SbomScan["inImage"] => ({ ...(bill ? { bill } : {}), ...(purls ? { purls } : {}) });
