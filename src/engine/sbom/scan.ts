// Software bills of materials: a scanner's image run over a root and the build's contexts, and what it finds merged.
// Source: buildah-build(1), buildah-commit(1), "--sbom".

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { pull, type PullRequest } from "../../image/pull.ts";
import { storedConfig } from "../../image/stored-config.ts";
import type { Lease } from "../../storage/store.ts";
import { randomId } from "../containers/names.ts";
import type { Host } from "../host.ts";
import { runInRoot } from "../steps/run-in-root.ts";
import { mergeBills, purlDocument, type MergeStrategy } from "./merge.ts";

/** What to scan with, and where the results go. */
export interface SbomScan {
  readonly image: string;
  /** As written, and as words where no shell is needed. */
  readonly commands: readonly { readonly text: string; readonly words?: readonly string[] }[];
  /** Absent: there is one command only. */
  readonly merge?: MergeStrategy;
  /** Paths in the image. */
  readonly inImage: { readonly bill?: string; readonly purls?: string };
  /** Files of the host. */
  readonly onHost: { readonly bill?: string; readonly purls?: string };
}

export interface Scanning {
  readonly scan: SbomScan;
  readonly lease: Lease;
  /** A mounted root. */
  readonly root: string;
  /** Directories of the host. */
  readonly contexts: readonly string[];
  readonly pull: Omit<PullRequest, "store">;
}

/** Files of the host with the results, until it is disposed of. */
export interface Bills extends Disposable {
  readonly bill: string;
  readonly purls: string;
}

const billBytesMax = 512 * 1024 * 1024;

/** @throws Fault of pulling; "build.failed" where a scanner ends with another status than 0 */
export async function scanRoot(host: Host, scanning: Scanning): Promise<Bills> {
  const { scan, lease, root, contexts } = scanning;
  const directory = mkdtempSync(`${lease.directory}/sbom-`);
  const scans = `${directory}/scans`;
  mkdirSync(scans);
  // Whoever the scanner runs as writes here.
  chmodSync(scans, 0o777);
  try {
    const found = await runScanners(host, scanning, { scans, root, contexts });
    const texts = found.map(name => readBill(`${scans}/${name}`));
    const { text, purls } = mergeBills(texts, scan.merge ?? "cat");
    writeFileSync(`${directory}/bill`, text);
    writeFileSync(`${directory}/purls`, purlDocument(purls));
  } catch (thrown) {
    rmSync(directory, { recursive: true, force: true });
    throw thrown;
  }
  return { bill: `${directory}/bill`, purls: `${directory}/purls`, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Copies what was asked for to the host's files. */
export function keepOnHost({ onHost }: SbomScan, bills: Bills): void {
  if (onHost.bill) writeFileSync(onHost.bill, readFileSync(bills.bill));
  if (onHost.purls) writeFileSync(onHost.purls, readFileSync(bills.purls));
}

/** What goes into the image: files of the host by their path there. */
export function filesForImage({ inImage }: SbomScan, bills: Bills): Map<string, string> {
  return new Map([...(inImage.bill ? [[inImage.bill, bills.bill] as const] : []), ...(inImage.purls ? [[inImage.purls, bills.purls] as const] : [])]);
}

interface Places {
  readonly scans: string;
  readonly root: string;
  readonly contexts: readonly string[];
}

async function runScanners(host: Host, { scan, lease, pull: request }: Scanning, places: Places): Promise<string[]> {
  const [image] = await pull(scan.image, { store: host.store, ...request });
  for (const chain of image!.layers) lease.holdLayer(chain);
  const { config = {} } = storedConfig(host.store, image!);
  const id = randomId();
  lease.holdRoot(id);
  const top = image!.layers.at(-1);
  host.store.roots.create({ id, ...(top === undefined ? {} : { topLayer: top }) });
  try {
    const commands = commandsOf(scan, config.Shell ?? ["/bin/sh", "-c"], places.contexts.length);
    for (const argv of commands) {
      const status = await runInRoot(host, { id, spec: specOf(argv, places, config.User), env: config.Env ?? [], streams: { stdout: () => {} } });
      if (status !== 0) throw new Fault("build.failed", `running scanning command ${JSON.stringify(argv)}: exit status ${status}`, { exit: 125 });
    }
    return commands.map((_, at) => nameOf(at));
  } finally {
    host.store.roots.remove(id);
  }
}

const nameOf = (at: number): string => `scan${at}.json`;

/** One run for each context that a command speaks of, one for the root; a command that speaks of neither scans nothing. */
export function commandsOf({ commands }: Pick<SbomScan, "commands">, shell: readonly string[], contexts: number): string[][] {
  const all: string[][] = [];
  for (const { text, words } of commands) {
    const argv = words ?? [...shell, text];
    const add = (from: string, to: string): void => {
      const output = `/.scans/${nameOf(all.length)}`;
      all.push(argv.map(word => word.replaceAll(from, to).replaceAll("{OUTPUT}", output)));
    };
    const speaksOf = (mark: string): boolean => argv.some(word => word.includes(mark));
    if (speaksOf("{CONTEXT}")) for (let at = 0; at < contexts; at++) add("{CONTEXT}", `/.context${at}`);
    else if (speaksOf("{ROOTFS}")) add("{ROOTFS}", "/.rootfs");
  }
  return all;
}

function specOf(argv: readonly string[], { scans, root, contexts }: Places, user: string | undefined): ContainerSpec {
  return {
    command: [...argv],
    workdir: "/",
    ...(user ? { user } : {}),
    mounts: [
      { kind: "bind", source: scans, target: "/.scans", options: ["rw"], relabel: "shared" },
      { kind: "bind", source: root, target: "/.rootfs", options: ["ro"] },
      ...contexts.map((source, at) => ({ kind: "bind" as const, source, target: `/.context${at}`, options: ["ro"] })),
    ],
  };
}

function readBill(file: string): string {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new Fault("build.failed", "the scanner wrote no bill of materials", { hint: "let its command write to {OUTPUT}" });
  if (size > billBytesMax) throw new Fault("input.too-large", `the bill of materials is larger than ${billBytesMax} bytes`);
  return readFileSync(file, "utf8");
}
