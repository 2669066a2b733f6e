// The watcher of one run of one container: takes note of every system call by the filter's listener, of capabilities by the kernel's tracing,
// and of SELinux's denials by the audit log, and writes what the program needs.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { LearnSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { closeQuietly, writeAll } from "../../kernel/files.ts";
import { poll, POLLIN } from "../../kernel/poll.ts";
import { letContinue, receiveNotice, systemCallName, type Notified } from "../../kernel/seccomp-notify.ts";
import { accept, listenUnix, receiveHandles } from "../../kernel/sockets.ts";
import { lockFile } from "../../kernel/locks.ts";
import { isSelinuxEnabled } from "../../security/labels.ts";
import { CapabilityTrace } from "../../security/learn/capability-trace.ts";
import { merged, placesOf, readLearned, writeWhole, type Learned } from "../../security/learn/learned.ts";
import { learnedProfile } from "../../security/learn/watching-profile.ts";
import type { OciSeccomp } from "../../security/seccomp.ts";
import { auditMark, denialsSince } from "../../security/udica/audit-log.ts";
import { loadLearned, unloadLearned } from "../../security/udica/learned-policy.ts";
import type { Host } from "../host.ts";
import { holdLearning, learnBase, learnSocket } from "./learn.ts";
import { get } from "./lookup.ts";
import { hasEnded, isLive } from "./observe.ts";

/** The audit daemon writes a little after the kernel has spoken. */
const settleMs = 1000;
const tickMs = 200;
/** A start that died in between leaves nobody to watch. */
const idleTicksMax = 300;
const callsBetweenDrains = 64;
/** Where the one who starts us waits for a word. */
const readyFd = 3;

/** The watcher's whole life. */
export async function runLearner(host: Host, id: string): Promise<void> {
  const lesson = get(host, id).spec.security?.learn;
  if (!lesson) throw new Fault("usage.invalid", `container ${id} is not one to learn from`);
  using _held = holdLearning(host, id);
  const failed = `${placesOf(lesson.directory, lesson.name).notes}.failed`;
  let isReady = false;
  try {
    await watch(host, { id, lesson, onReady: () => {
      writeAll(readyFd, Buffer.from("ready"));
      closeQuietly(readyFd);
      isReady = true;
    } });
  } catch (thrown) {
    const why = (thrown as Error).message;
    if (isReady) writeFileSync(failed, why);
    else writeAll(readyFd, Buffer.from(why));
    throw thrown;
  }
}

interface Watch {
  readonly id: string;
  readonly lesson: LearnSpec;
  readonly onReady: () => void;
}

async function watch(host: Host, { id, lesson, onReady }: Watch): Promise<void> {
  const places = placesOf(lesson.directory, lesson.name);
  const known = readLearned(places.notes);
  const hasPolicy = isSelinuxEnabled();
  const mark = hasPolicy ? auditMark() : 0;
  const socket = listenUnix(learnSocket(host, id), { kind: "stream" });
  try {
    if (hasPolicy) await loadLearned({ name: lesson.name, rules: known.denials, file: places.policy }, { isPermissive: true });
    onReady();
    const run = new Run(host, id, socket);
    run.serve();
    const seen = run.end();
    if (hasPolicy) await Bun.sleep(settleMs);
    const denials = hasPolicy ? denialsSince(mark, `${lesson.name}.process`) : [];
    const learned = keep(lesson, withDenials(seen.learned, denials, hasPolicy), seen.base);
    if (hasPolicy) await loadLearned({ name: lesson.name, rules: learned.denials, file: places.policy }, { isPermissive: false });
  } catch (thrown) {
    if (hasPolicy) await unloadLearned(lesson.name);
    throw thrown;
  } finally {
    closeQuietly(socket);
    rmSync(learnSocket(host, id), { force: true });
  }
}

/** Where nothing else told of capabilities, denials do. */
function withDenials({ capabilitiesUnknown: unknown, ...seen }: Learned, denials: Learned["denials"], hasPolicy: boolean): Learned {
  return { ...seen, ...(unknown === undefined || hasPolicy ? {} : { capabilitiesUnknown: unknown }), capabilities: [...seen.capabilities, ...capabilitiesOf(denials)], denials };
}

const capabilitiesOf = (denials: Learned["denials"]): string[] =>
  denials.filter(rule => /^cap(ability2?|2?_userns)$/.test(rule.class)).flatMap(rule => rule.permissions.map(word => `CAP_${word.toUpperCase()}`));

/** Adds it to what other runs taught, one at a time. */
function keep({ name, directory }: LearnSpec, seen: Learned, base: OciSeccomp | undefined): Learned {
  const { notes, profile } = placesOf(directory, name);
  using _one = lockFile(`${notes}.lock`, { exclusive: true, wait: true });
  const learned = merged(readLearned(notes), seen);
  writeWhole(profile, `${JSON.stringify(learnedProfile(base, new Set(learned.systemCalls)), undefined, 2)}\n`);
  writeWhole(notes, `${JSON.stringify(learned, undefined, 2)}\n`);
  rmSync(`${notes}.lock`, { force: true });
  return learned;
}

interface Base {
  readonly seccomp: OciSeccomp | null;
  readonly capabilities: readonly string[];
}

/** From the first filter's listener to the last one's end. */
class Run {
  readonly #host: Host;
  readonly #id: string;
  readonly #socket: number;
  /** With what each one's processes use, once the program has begun. */
  readonly #listeners = new Map<number, CapabilityTrace | undefined>();
  readonly #capabilities = new Set<string>();
  readonly #calls = new Map<string, string>();
  #whyNoTrace: string | undefined = "the container's program never began";
  #hasBegun = false;
  #count = 0;
  /** Read while the container is there. */
  #base: Base | undefined;

  constructor(host: Host, id: string, socket: number) {
    this.#host = host;
    this.#id = id;
    this.#socket = socket;
  }

  /** Blocks: a call of the container's waits for our answer meanwhile. */
  serve(): void {
    for (let idleTicks = 0; !this.#isOver(idleTicks);) {
      const handles = [this.#socket, ...this.#listeners.keys()];
      const events = poll(handles.map(fd => ({ fd, events: POLLIN })), tickMs);
      if (events.every(event => event === 0)) {
        idleTicks++;
        this.#drain();
        continue;
      }
      idleTicks = 0;
      events.forEach((event, index) => this.#on(handles[index]!, event));
    }
  }

  #on(handle: number, event: number): void {
    if (event === 0) return;
    if (handle === this.#socket) return this.#take();
    if (event & POLLIN) return this.#answer(handle);
    this.#close(handle);
  }

  #drain(): void {
    for (const trace of this.#listeners.values()) trace?.drain();
  }

  #close(listener: number): void {
    for (const name of this.#listeners.get(listener)?.end() ?? []) this.#capabilities.add(name);
    this.#listeners.delete(listener);
    closeQuietly(listener);
  }

  #isOver(idleTicks: number): boolean {
    if (this.#listeners.size > 0) return false;
    const { state } = this.#host.state.findById(this.#id) ?? {};
    if (state === undefined || this.#hasBegun) return true;
    return idleTicks > idleTicksMax && !(isLive(state) && !hasEnded(this.#host, this.#host.state.findById(this.#id)!));
  }

  /** The runtime sends the listener's handle, with the state of the container, of which we need nothing. */
  #take(): void {
    const connection = accept(this.#socket);
    if (connection === undefined) return;
    try {
      const { handles } = receiveHandles(connection);
      for (const handle of handles) this.#listeners.set(handle, undefined);
      if (handles.length > 0) this.#hasBegun = true;
      this.#base ??= JSON.parse(readFileSync(learnBase(this.#host, this.#id), "utf8")) as Base;
    } catch (thrown) {
      log.warn(`the runtime's message was not understood: ${(thrown as Error).message}`);
    } finally {
      closeQuietly(connection);
    }
  }

  #answer(listener: number): void {
    const notice = receiveNotice(listener);
    if (notice === undefined) return;
    const key = `${notice.architecture} ${notice.number}`;
    const name = this.#calls.get(key) ?? systemCallName(notice.architecture, notice.number) ?? "";
    this.#calls.set(key, name);
    if (++this.#count % callsBetweenDrains === 0) this.#drain();
    if (this.#listeners.get(listener) === undefined && (name === "execve" || name === "execveat")) this.#beginTrace(listener, notice);
    letContinue(listener, notice);
  }

  /** What the runtime itself used before is not the program's. */
  #beginTrace(listener: number, notice: Notified): void {
    const begun = CapabilityTrace.begin(notice.pid, this.#base?.capabilities ?? []);
    if (typeof begun !== "string") this.#listeners.set(listener, begun);
    this.#whyNoTrace = typeof begun === "string" ? begun : undefined;
  }

  end(): { learned: Learned; base: OciSeccomp | undefined } {
    for (const handle of [...this.#listeners.keys()]) this.#close(handle);
    const systemCalls = [...new Set(this.#calls.values())].filter(name => name !== "").sort();
    const capabilities = [...this.#capabilities].sort();
    const unknown = this.#whyNoTrace;
    return {
      base: this.#base?.seccomp ?? undefined,
      learned: { runs: 1, systemCalls, capabilities, ...(unknown === undefined ? {} : { capabilitiesUnknown: unknown }), denials: [] },
    };
  }
}
