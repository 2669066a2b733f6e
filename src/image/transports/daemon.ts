// docker-daemon: images of a running Docker daemon, by its API over a unix socket or TCP.
// Source: containers-transports(5), "docker-daemon:"; Docker Engine API, "/images/{name}/get" and "/images/load".

import { closeSync, createReadStream, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isDigest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { scratch } from "../../base/scratch.ts";
import { parseJson, asRecord } from "../../base/shape.ts";
import { atDockerHub, familiarText, parseReference, referenceText } from "../reference.ts";
import type { Sink, Source } from "../source.ts";
import type { ImageSystem } from "../system.ts";
import { dockerArchiveSource, dockerArchiveWriter } from "./docker-archive.ts";

const socketDefault = "unix:///var/run/docker.sock";
const answerBytesMax = 64 * 1024;

interface Door {
  readonly base: string;
  readonly socket: string | undefined;
  readonly shown: string;
  readonly tls?: object;
}

/** Docker's names in the directory of --src-cert-dir or --dest-cert-dir: ca.pem, cert.pem, key.pem. */
function tlsOf({ certDir, tlsVerify }: ImageSystem): object {
  const read = (name: string): string | undefined => {
    const file = certDir === undefined ? "" : join(certDir, name);
    return file !== "" && existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  const [ca, cert, key] = [read("ca.pem"), read("cert.pem"), read("key.pem")];
  return { rejectUnauthorized: tlsVerify !== false, ...(ca && { ca }), ...(cert && key && { cert, key }) };
}

/** @throws Fault "usage.invalid" */
function doorTo(system: ImageSystem): Door {
  const host = system.daemonHost || process.env["DOCKER_HOST"] || socketDefault;
  const [scheme = "", rest = ""] = host.split("://");
  if (scheme === "unix" && rest.startsWith("/")) return { base: "http://docker", socket: rest, shown: host };
  if (scheme === "http") return { base: `http://${rest}`, socket: undefined, shown: host };
  if (scheme === "tcp" || scheme === "https") return { base: `https://${rest}`, socket: undefined, shown: host, tls: tlsOf(system) };
  throw new Fault("usage.invalid", `cannot reach the Docker daemon at ${JSON.stringify(host)}: unknown address`, {
    hint: "write unix:///PATH, tcp://HOST:PORT or https://HOST:PORT",
  });
}

async function ask(door: Door, path: string, init: RequestInit): Promise<Response> {
  try {
    const unix = door.socket === undefined ? {} : { unix: door.socket };
    const tls = door.tls === undefined ? {} : { tls: door.tls };
    return await fetch(`${door.base}${path}`, { ...init, ...unix, ...tls, timeout: false } as object as RequestInit);
  } catch (cause) {
    throw new Fault("component.failed", `Cannot connect to the Docker daemon at ${door.shown}. Is the docker daemon running?`, {
      cause,
      hint: "start the daemon, or name its socket with --src-daemon-host or --dest-daemon-host",
    });
  }
}

async function refusal(attempt: string, response: Response): Promise<Fault> {
  const text = (await response.text()).slice(0, answerBytesMax);
  const code = response.status === 404 ? "registry.not-found" : "component.failed";
  return new Fault(code, `${attempt}: ${messageOf(text)}`);
}

function messageOf(text: string): string {
  const subject = { what: "the daemon's answer", code: "component.failed" } as const;
  try {
    const { message } = asRecord(parseJson(text, subject, answerBytesMax), subject);
    if (typeof message === "string") return message.slice(0, 1000);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
  return text.slice(0, 200).trim() || "no reason given";
}

/** "NAME:TAG" or an image ID; a name without tag or digest is refused, as it could mean many. */
function daemonName(rest: string): string {
  if (isDigest(rest)) return rest;
  const reference = atDockerHub(parseReference(rest));
  if (reference.tag === undefined && reference.digest === undefined) {
    throw new Fault("reference.malformed", `docker-daemon: reference ${rest} has neither a tag nor a digest`, {
      hint: `write docker-daemon:${rest}:latest`,
    });
  }
  return familiarText(reference);
}

/** The image comes as an archive, which is kept aside while it is read. */
export async function daemonSource(rest: string, system: ImageSystem): Promise<Source> {
  const door = doorTo(system);
  const name = daemonName(rest);
  const attempt = `cannot read image "${rest}" from the Docker daemon`;
  const aside = scratch(system.tmpDir);
  try {
    const response = await ask(door, `/images/${encodeURI(name)}/get`, { ...(system.signal ? { signal: system.signal } : {}) });
    if (response.status !== 200 || !response.body) throw await refusal(attempt, response);
    const file = join(aside.path, "image.tar");
    await keep(response.body as unknown as AsyncIterable<Uint8Array>, file);
    const source = await dockerArchiveSource(file, "", system);
    const named = isDigest(rest) ? {} : { reference: atDockerHub(parseReference(rest)) };
    const close = async (): Promise<void> => {
      await source.close();
      aside.remove();
    };
    return { ...source, ...named, name: `docker-daemon:${rest}`, close };
  } catch (thrown) {
    aside.remove();
    throw thrown;
  }
}

async function keep(pieces: AsyncIterable<Uint8Array>, file: string): Promise<void> {
  const fd = openSync(file, "w", 0o600);
  try {
    for await (const piece of pieces) for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
  } finally {
    closeSync(fd);
  }
}

/** Collects an archive and hands it to the daemon in one go when all went well. */
export function daemonSink(rest: string, system: ImageSystem): Sink {
  const door = doorTo(system);
  if (isDigest(rest)) throw new Fault("usage.invalid", `cannot write docker-daemon:${rest}: a destination needs a name and a tag`);
  daemonName(rest);
  const aside = scratch(system.tmpDir);
  const file = join(aside.path, "image.tar");
  const writer = dockerArchiveWriter(file, system);
  return {
    ...writer.sink([referenceText(atDockerHub(parseReference(rest)))]),
    name: `docker-daemon:${rest}`,
    async close(ok) {
      try {
        await writer.close(ok);
        if (ok) await load(door, file, system);
      } finally {
        aside.remove();
      }
    },
  };
}

async function load(door: Door, file: string, system: ImageSystem): Promise<void> {
  const { Readable } = await import("node:stream");
  const body = Readable.toWeb(createReadStream(file, { highWaterMark: 1024 * 1024 })) as unknown as ReadableStream;
  const response = await ask(door, "/images/load?quiet=1", {
    method: "POST",
    headers: { "Content-Type": "application/x-tar", "Content-Length": String(statSync(file).size) },
    body,
    duplex: "half",
    ...(system.signal ? { signal: system.signal } : {}),
  } as RequestInit);
  if (response.status !== 200) throw await refusal("cannot load image into the Docker daemon", response);
  const lines = (await response.text()).slice(0, answerBytesMax).split("\n");
  for (const line of lines) {
    if (line.includes('"error"')) throw new Fault("component.failed", `cannot load image into the Docker daemon: ${line.slice(0, 500)}`);
  }
}
