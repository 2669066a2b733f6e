// Which capabilities a process and its children use, as the kernel's own tracing tells: by a probe at its question or, where it has none, by its tracepoint.
// Source: perf_event_open(2); Documentation/trace/kprobetrace.rst of the kernel; capabilities(7).

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { errnoOf, Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { closeQuietly } from "../../kernel/files.ts";
import { fsmount, fsopen } from "../../kernel/mounts.ts";
import { EventSamples } from "../../kernel/perf.ts";
import { capabilityNames } from "../capabilities.ts";

interface Source {
  /** Below events/. */
  readonly event: string;
  readonly filter: string;
  readonly isProbe: boolean;
}

const probeName = "coracle_capable";
/** With the rights of the asked, where the kernel knows its own types; they tell the program from what acts for it. */
const probes = ["cred=$arg1:x64 cap=$arg3:s32 opts=$arg4:u32 rights=cred->cap_effective.val:x64", "cred=$arg1:x64 cap=$arg3:s32 opts=$arg4:u32"];
/** Questions that the kernel asks without telling its audit are no uses. */
const byProbe: Source = { event: `kprobes/${probeName}`, filter: "!(opts & 2)", isProbe: true };
const byTracepoint: Source = { event: "capability/cap_capable", filter: "ret == 0", isProbe: false };

/** Where each field lies in a sample. */
type Layout = Readonly<Record<string, { readonly offset: number; readonly size: number }>>;

export class CapabilityTrace {
  readonly #samples: EventSamples;
  readonly #layout: Layout;
  readonly #isProbe: boolean;
  readonly #given: readonly string[];
  /** Uses by who asked. */
  readonly #uses = new Map<bigint, Set<string>>();
  /** A file system acts with the rights of who mounted it: those have more than the program ever had. */
  readonly #foreign = new Set<bigint>();

  private constructor(parts: { samples: EventSamples; layout: Layout; isProbe: boolean; given: readonly string[] }) {
    this.#samples = parts.samples;
    this.#layout = parts.layout;
    this.#isProbe = parts.isProbe;
    this.#given = parts.given;
  }

  /** Watches from now on the thread `pid` and all it starts, for uses of what it was given. A text says why that cannot be. */
  static begin(pid: number, given: readonly string[]): CapabilityTrace | string {
    let tracing = -1;
    try {
      tracing = openTracing();
      const root = `/proc/self/fd/${tracing}`;
      const source = sourceOf(root);
      if (source === undefined) return "this kernel tells of no use of capabilities";
      const event = `${root}/events/${source.event}`;
      // Each mapping of memory asks for SYS_ADMIN and goes on without: where it was given, the tracepoint tells too much.
      const filter = !source.isProbe && given.includes("CAP_SYS_ADMIN") ? `${source.filter} && cap != 21` : source.filter;
      const samples = new EventSamples({ event: Number(readFileSync(`${event}/id`, "utf8")), pid, filter });
      return new CapabilityTrace({ samples, layout: readLayout(readFileSync(`${event}/format`, "utf8")), isProbe: source.isProbe, given });
    } catch (thrown) {
      log.debug(`capabilities are not watched: ${(thrown as Error).message}`);
      return `the kernel does not let us trace (${errnoOf(thrown) ?? (thrown as Error).message})`;
    } finally {
      if (tracing >= 0) closeQuietly(tracing);
    }
  }

  /** Takes what has come; to be called often, as the kernel keeps only some hundred. */
  drain(): void {
    this.#samples.drain(fields => this.#note(fields));
  }

  #note(fields: DataView): void {
    const number = (name: string): bigint | undefined => fieldOf(fields, this.#layout[name]);
    const who = number("cred") ?? 0n;
    const name = capabilityNames[Number(number("cap") ?? -1n)];
    const rights = number("rights");
    const hasMore = rights === undefined
      ? !this.#isProbe && name !== undefined && !this.#given.includes(name) : (rights & ~this.#mask()) !== 0n;
    if (hasMore) this.#foreign.add(who);
    if (name === undefined) return;
    const uses = this.#uses.get(who) ?? new Set();
    this.#uses.set(who, uses.add(name));
  }

  #mask(): bigint {
    return this.#given.reduce((mask, name) => mask | (1n << BigInt(capabilityNames.indexOf(name))), 0n);
  }

  /** What was used. Nothing is left with the kernel. */
  end(): string[] {
    this.drain();
    this.#samples[Symbol.dispose]();
    if (this.#isProbe) forgetProbe();
    const used = new Set<string>(this.#isProbe ? [] : ["CAP_SYS_ADMIN"]);
    for (const [who, names] of this.#uses) if (!this.#foreign.has(who)) for (const name of names) used.add(name);
    return this.#given.filter(name => used.has(name));
  }
}

/** "field:int cap; offset:32; size:4; signed:1;" a line. */
function readLayout(text: string): Layout {
  const fields = text.matchAll(/field:[^;]*?(\w+);\s*offset:(\d+);\s*size:(\d+);/g);
  return Object.fromEntries([...fields].map(([, name, offset, size]) => [name!, { offset: Number(offset), size: Number(size) }]));
}

function fieldOf(fields: DataView, place: Layout[string] | undefined): bigint | undefined {
  if (place === undefined || place.offset + place.size > fields.byteLength) return undefined;
  return place.size === 8 ? fields.getBigUint64(place.offset, true) : BigInt(fields.getInt32(place.offset, true));
}

/** A mount of our own that no path leads to. */
function openTracing(): number {
  const made = fsopen("tracefs");
  try {
    return fsmount(made);
  } finally {
    closeQuietly(made);
  }
}

function sourceOf(root: string): Source | undefined {
  if (existsSync(`${root}/kprobe_events`) && hasProbe(root)) return byProbe;
  return existsSync(`${root}/events/${byTracepoint.event}`) ? byTracepoint : undefined;
}

function hasProbe(root: string): boolean {
  for (const fields of probes) {
    if (existsSync(`${root}/events/${byProbe.event}`)) return true;
    try {
      appendFileSync(`${root}/kprobe_events`, `p:${probeName} cap_capable ${fields}\n`);
    } catch (thrown) {
      if (errnoOf(thrown) === undefined && !(thrown instanceof Fault)) throw thrown;
      log.debug(`the kernel does not take the probe ${fields}: ${(thrown as Error).message}`);
    }
  }
  return existsSync(`${root}/events/${byProbe.event}`);
}

/** Refused by the kernel, and rightly, while another container is watched by it. */
function forgetProbe(): void {
  const tracing = openTracing();
  try {
    appendFileSync(`/proc/self/fd/${tracing}/kprobe_events`, `-:${probeName}\n`);
  } catch (thrown) {
    log.debug(`the kernel keeps a probe: ${(thrown as Error).message}`);
  } finally {
    closeQuietly(tracing);
  }
}
