// Many processes at once on one store: each asks for something else again and again, and keeps things of its own that nobody may lose.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, ok, podman } from "../fixtures/coracle.ts";
import { makeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import type { Registry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar.ts";
import { leftSince, type Traces } from "./traces.ts";

const base = "127.0.0.1:5000/base:latest";
const shared = "127.0.0.1:5000/shared:latest";

export interface Crowd {
  /** Loops at a time. */
  readonly members: number;
  readonly seconds: number;
}

export interface Crowded {
  readonly commands: number;
  /** By verb. */
  readonly counts: Readonly<Record<string, number>>;
  /** Refused, as another member had taken away what was asked for. */
  readonly refused: number;
  readonly slowestMs: number;
  readonly slowest: string;
  readonly problems: readonly string[];
}

/** A registry with the images that all of them fight for. */
export async function fillRegistry(registry: Registry): Promise<void> {
  await registry.push(makeImage({ layers: [busyboxLayer()] }), "base");
  await registry.push(makeImage({ layers: [busyboxLayer(), ...["one", "two"].map(name => tarOf([{ name, body: name.repeat(10_000) }]))] }), "shared");
  ok("pull", "-q", base);
}

/** What one may meet that is nobody's fault: what it asked for is gone, going or used by another. */
const fair = /no such (container|object|volume)|image not known|in use by|is using|being used|no container with|container state improper|unable to find|has associated containers|does not exist|cannot remove container .* as it is running|not known: image/i;
/** Never, whatever was asked. */
const foul = /database is locked|SQLITE|kept it locked|malformed|damaged|undefined|is not a function|ENOENT|already in use/;

interface Member {
  readonly number: number;
  readonly folder: string;
  /** Made by it and nobody else. */
  readonly tags: Set<string>;
  readonly volumes: Set<string>;
  turn: number;
}

type Act = (member: Member) => { readonly words: readonly string[]; readonly done?: () => void };

/** Some for all, some for oneself. */
const acts: readonly Act[] = [
  () => ({ words: ["pull", "-q", shared] }),
  () => ({ words: ["rmi", "-f", shared] }),
  () => ({ words: ["run", "--rm", "--network", "none", base, "true"] }),
  () => ({ words: ["run", "--rm", "--network", "none", "-v", "/data", base, "true"] }),
  ({ number }) => ({ words: ["run", "-d", "--network", "none", "--label", `member=${number}`, base, "sleep", "1"] }),
  ({ number }) => ({ words: ["rm", "-f", "-t", "0", "--filter", `label=member=${number}`] }),
  ({ folder, number }) => ({ words: ["build", "-q", "--network", "none", "-t", `built-${number}`, folder] }),
  ({ number }) => ({ words: ["commit", "-q", `source-${number % sources}`, `committed-${number}`] }),
  () => ({ words: ["image", "prune", "-f"] }),
  () => ({ words: ["container", "prune", "-f"] }),
  () => ({ words: ["ps", "-a"] }),
  () => ({ words: ["images"] }),
  ({ number, tags, turn }) => ({ words: ["tag", base, `own-${number}:${turn}`], done: () => void tags.add(`own-${number}:${turn}`) }),
  ({ number, volumes, turn }) => ({ words: ["volume", "create", `own-${number}-${turn}`], done: () => void volumes.add(`own-${number}-${turn}`) }),
];

/** Running containers that are committed, by several at once each. */
const sources = 8;
const slowestAllowedMs = 60_000;

/** Lets them loose, and looks afterwards whether anything was lost, left or broken. @param before of a world without containers */
export async function crowd({ members, seconds }: Crowd, before: Traces): Promise<Crowded> {
  for (let source = 0; source < sources; source++) ok("run", "-d", "--network", "none", "--name", `source-${source}`, base, "sleep", "10000");
  const end = Date.now() + seconds * 1000;
  const counts: Record<string, number> = {};
  const problems: string[] = [];
  let refused = 0;
  let slowestMs = 0;
  let slowest = "";
  const all = Array.from({ length: members }, (_, number) => newMember(number));
  await Promise.all(all.map(async member => {
    for (; Date.now() < end; member.turn++) {
      const { words, done } = acts[(member.turn * 5 + member.number) % acts.length]!(member);
      const begun = performance.now();
      const running = begin(["podman", ...words]);
      const status = await running.exited;
      const tookMs = performance.now() - begun;
      if (tookMs > slowestMs) [slowestMs, slowest] = [tookMs, words.join(" ")];
      counts[words[0]!] = (counts[words[0]!] ?? 0) + 1;
      if (status === 0) done?.();
      const said = running.err().trim();
      if (foul.test(said) || (status !== 0 && !fair.test(said))) problems.push(`${words.join(" ")}: status ${status}: ${said.slice(0, 400)}`);
      else if (status !== 0) refused++;
      if (tookMs > slowestAllowedMs) problems.push(`${words.join(" ")} took ${(tookMs / 1000).toFixed(0)} s`);
    }
  }));
  problems.push(...lost(all), ...(await unsound(before)));
  const commands = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { commands, counts, refused, slowestMs: Math.round(slowestMs), slowest, problems };
}

function newMember(number: number): Member {
  const folder = newFolder("member");
  writeFileSync(join(folder, "Containerfile"), `FROM ${base}\nRUN echo ${number} >/number\nLABEL number=${number}\n`);
  return { number, folder, tags: new Set(), volumes: new Set(), turn: number };
}

/** What was reported done and is not there. */
function lost(all: readonly Member[]): string[] {
  const tags = new Set(ok("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n").map(name => name.replace("localhost/", "")));
  const volumes = new Set(ok("volume", "ls", "-q").split("\n"));
  return all.flatMap(member => [...[...member.tags].filter(tag => !tags.has(tag)), ...[...member.volumes].filter(volume => !volumes.has(volume))]).map(name => `lost: ${name}`);
}

const settleMs = 8000;

async function unsound(before: Traces): Promise<string[]> {
  const check = podman("system", "check");
  const removed = podman("rm", "-fa", "-t", "0");
  const problems = [...(check.status === 0 ? [] : [`system check: ${check.out}${check.err}`]), ...(removed.status === 0 ? [] : [`rm -fa: ${removed.err}`])];
  podman("volume", "rm", "-fa");
  const end = Date.now() + settleMs;
  let left = leftSince(before);
  for (; left.length > 0 && Date.now() < end; left = leftSince(before)) await Bun.sleep(100);
  return [...problems, ...left.map(item => `left: ${item}`)];
}

/** So many `run -d` at once; gives the problems. */
export async function manyAtOnce(count: number): Promise<string[]> {
  const all = Array.from({ length: count }, () => begin(["podman", "run", "-d", "--network", "none", base, "sleep", "1000"]));
  const ended = await Promise.all(all.map(async running => ({ status: await running.exited, said: running.err().trim(), id: running.out().trim() })));
  const failed = ended.filter(({ status, said }) => status !== 0 || said !== "").map(({ status, said }) => `run -d: status ${status}: ${said}`);
  const running = new Set(ok("ps", "-q", "--no-trunc").split("\n"));
  return [...failed, ...ended.filter(({ status, id }) => status === 0 && !running.has(id)).map(({ id }) => `lost: container ${id}`)];
}
