// What the tests of known attacks share: a file of the host that nobody may read, images with evil entries, builds of evil Containerfiles.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman, run, type Ran } from "../fixtures/coracle.ts";
import { makeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import type { Registry } from "../fixtures/registry.ts";
import { tarOf, type Entry } from "../fixtures/tar.ts";

export const ofTheHost = "of the host";

/** A file of the host that no container may ever read. */
export function hostSecret(): string {
  const secret = join(newFolder("host"), "secret");
  writeFileSync(secret, ofTheHost);
  return secret;
}

export const inside = (...words: string[]): Ran => podman("run", "--rm", "--network", "none", ...words);

/** An image over busybox, in the store; gives its name. */
export async function pulled(registry: Registry, name: string, entries: readonly Entry[], config: Record<string, unknown> = {}): Promise<string> {
  await registry.push(makeImage({ layers: [busyboxLayer(), tarOf(entries)], config }), name);
  const reference = `127.0.0.1:5000/${name}`;
  ok("pull", "-q", reference);
  return reference;
}

export function build(lines: readonly string[], options: readonly string[] = [], fill: (folder: string) => void = () => {}): Ran {
  const folder = newFolder("context");
  writeFileSync(join(folder, "Containerfile"), lines.join("\n"));
  fill(folder);
  return run(["podman", "build", ...(options.includes("chroot") ? [] : ["--network", "none"]), "--no-cache", "-t", "attack", ...options, folder], { env: { SECRET_OF_HOST: ofTheHost } });
}
