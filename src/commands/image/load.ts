// podman load: images from an archive file or standard input.

import { accessSync, closeSync, openSync, readSync, writeSync } from "node:fs";
import { reasonOf } from "../../base/fault.ts";
import { scratch } from "../../base/scratch.ts";
import { files } from "../../cli/complete.ts";
import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { imageEvent } from "../../engine/images.ts";
import { loadImages } from "../../image/load.ts";
import { refuse } from "../container/written/refuse.ts";
import { progressOf } from "../pulling.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Loads an image from a locally stored archive (tar file) into container storage.",
  operands: none(),
  flags: {
    input: text({ short: "i", help: "Read from specified archive file (default: stdin)", complete: files }),
    quiet: toggle({ short: "q", help: "Suppress the output" }),
    signaturePolicy: text({ help: "Pathname of signature policy file", hidden: true }),
  },
  async run({ context, flags }) {
    using input = flags.input === undefined ? spool() : isWeb(flags.input) ? await download(flags.input) : readable(flags.input);
    const loaded = await loadImages(input.path, {
      store: context.host.store,
      system: context.host.imageSystem,
      onProgress: progressOf(context, flags.quiet),
    });
    for (const { names, image } of loaded) {
      imageEvent(context.host, "loadfromarchive", { id: image.id, name: input.path });
      for (const name of names.length > 0 ? names : [`sha256:${image.id}`]) context.out(`Loaded image: ${name}`);
    }
  },
});

function readable(path: string): { path: string } & Disposable {
  try {
    accessSync(path);
  } catch (thrown) {
    throw refuse(`faccessat ${path}: ${reasonOf(thrown)}`);
  }
  return { path, [Symbol.dispose]() {} };
}

const isWeb = (input: string): boolean => /^https?:\/\//.test(input);

async function download(address: string): Promise<{ path: string } & Disposable> {
  const { path: directory, remove } = scratch();
  try {
    const { fetchToFile } = await import("../../image/web-file.ts");
    await fetchToFile(address, `${directory}/archive`);
  } catch (thrown) {
    remove();
    throw thrown;
  }
  return { path: `${directory}/archive`, [Symbol.dispose]: remove };
}

/** Standard input as a file, since archives are read by position. */
function spool(): { path: string } & Disposable {
  if (isTerminal(0)) throw refuse("cannot read from terminal, use command-line redirection or the --input flag");
  const { path: directory, remove } = scratch();
  const path = `${directory}/archive`;
  const fd = openSync(path, "wx", 0o600);
  try {
    const chunk = new Uint8Array(1024 * 1024);
    for (let length = readSync(0, chunk); length > 0; length = readSync(0, chunk)) writeSync(fd, chunk.subarray(0, length));
  } catch (thrown) {
    remove();
    throw thrown;
  } finally {
    closeSync(fd);
  }
  return { path, [Symbol.dispose]: remove };
}
