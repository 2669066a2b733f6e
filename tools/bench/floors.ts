// What the machine itself takes for the work under the rows: no program that does the same can be faster than that.

import * as fs from "node:fs";
import type { Program } from "./measure.ts";
import { prepare } from "./measure.ts";
import { image } from "./rows.ts";

export interface Floor {
  readonly name: string;
  /** Median. */
  readonly ms: number;
}

const megabytes = 300;
const times = 5;

function median(act: () => void): number {
  const all = Array.from({ length: times }, () => {
    const begin = performance.now();
    act();
    return performance.now() - begin;
  }).sort((a, b) => a - b);
  return Math.round(all[times >> 1]! * 10) / 10;
}

const run = (argv: readonly string[], cwd = "/tmp"): void => {
  const ran = Bun.spawnSync([...argv], { cwd, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if (ran.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${ran.stderr.toString().trim()}`);
};

/** A bundle whose program is `true`, with the defaults of the runtime. */
function writeBundle(ours: Program): string {
  const bundle = "/tmp/bench-bundle";
  fs.mkdirSync(bundle, { recursive: true });
  fs.rmSync(`${bundle}/config.json`, { force: true });
  run(["crun", "spec"], bundle);
  prepare(ours, `rm -rf ${bundle}/rootfs; mkdir ${bundle}/rootfs; $P pull -q ${image}; $P create --name bench-floor ${image} true; $P export bench-floor | tar -C ${bundle}/rootfs -xf -; $P rm bench-floor`);
  const config = JSON.parse(fs.readFileSync(`${bundle}/config.json`, "utf8")) as { process: { terminal: boolean; args: string[] } };
  config.process = { ...config.process, terminal: false, args: ["true"] };
  fs.writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
  return bundle;
}

function blockOfData(): Uint8Array {
  const data = new Uint8Array(megabytes * 1_000_000);
  for (let at = 0; at < data.length; at += 65_536) crypto.getRandomValues(data.subarray(at, Math.min(at + 32_768, data.length)));
  return data;
}

function makeFiles(count: number): void {
  fs.mkdirSync("/tmp/bench-many");
  for (let at = 0; at < count; at++) fs.writeFileSync(`/tmp/bench-many/${at}`, "x");
  fs.rmSync("/tmp/bench-many", { recursive: true });
}

export function measureFloors(ours: Program): Floor[] {
  const bundle = writeBundle(ours);
  const data = blockOfData();
  const packed = Bun.gzipSync(data as Uint8Array<ArrayBuffer>, { level: 6 });
  const file = "/tmp/bench-written";
  const floors: Floor[] = [
    { name: "our executable, started for its version", ms: median(() => run([`${ours.folder}/podman`, "--version"])) },
    { name: "crun alone: create, start and delete of a container", ms: median(() => run(["crun", "run", "--bundle", bundle, "bench-floor"], bundle)) },
    { name: "an empty network name space made and given up", ms: median(() => run(["unshare", "--net", "true"])) },
    { name: `SHA-256 of ${megabytes} MB, one core`, ms: median(() => void new Bun.CryptoHasher("sha256").update(data).digest()) },
    { name: `inflating ${megabytes} MB, one core`, ms: median(() => void Bun.gunzipSync(packed)) },
    { name: `deflating ${megabytes} MB at level 6, one core`, ms: median(() => void Bun.gzipSync(data.subarray(0, 30_000_000) as Uint8Array<ArrayBuffer>, { level: 6 })) * 10 },
    { name: `writing ${megabytes} MB to the disk and waiting for it`, ms: median(() => {
      const fd = fs.openSync(file, "w");
      fs.writeSync(fd, data);
      fs.fdatasyncSync(fd);
      fs.closeSync(fd);
    }) },
    { name: "making and removing 20,000 files of a byte", ms: median(() => makeFiles(20_000)) },
  ];
  fs.rmSync(file);
  return floors;
}
