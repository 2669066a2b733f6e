// podman secret create: a new secret from a file, standard input or a variable.
// Source: podman-secret-create(1).

import { files } from "../../cli/complete.ts";
import { list, text, texts, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { secretBytesMax } from "../../engine/secrets/drivers.ts";
import { createSecret } from "../../engine/secrets/secrets.ts";
import { readLabels } from "../container/written/environment.ts";
import { cut, refuse } from "../container/written/refuse.ts";
import { piecesOf, piecesOfFile } from "../input.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] NAME FILE|-",
  about: 'Create a secret. Input can be a path to a file or "-" (read from stdin). Secret drivers "file" (default), "pass", and "shell" are available.',
  operands: exactly(2, files),
  flags: {
    driver: text({ short: "d", help: "Specify secret driver", shown: '"file"', complete: () => ["file", "pass", "shell"] }),
    driverOpts: list({ value: "stringToString", help: "Specify driver specific options", shown: "[]" }),
    env: toggle({ help: "Read secret data from environment variable" }),
    ignore: toggle({ help: "If a secret with the same name exists, ignore and do not create a new secret" }),
    label: texts({ short: "l", help: "Specify labels on the secret" }),
    replace: toggle({ help: "If a secret with the same name exists, replace it" }),
  },
  examples: ["podman secret create mysecret /path/to/secret", 'printf "secretdata" | podman secret create mysecret -'],
  async run({ context, flags, operands }) {
    if (flags.ignore && flags.replace) throw refuse("cannot use --ignore and --replace flags together");
    const [name, source] = operands as [string, string];
    const value = flags.env ? fromVariable(source) : await readAll(source === "-" || source === "/dev/stdin" ? piecesOf(0) : piecesOfFile(source));
    const secret = createSecret(context.host, {
      name,
      value,
      ...(flags.driver === undefined ? {} : { driver: flags.driver }),
      driverOptions: readOptions(flags.driverOpts),
      labels: readLabels(flags.label),
      replace: flags.replace,
      ignore: flags.ignore,
    });
    context.out(secret.id);
  },
});

function fromVariable(name: string): Uint8Array {
  const value = process.env[name];
  if (!value) throw refuse(`cannot create store secret data: environment variable ${name} is not set`);
  return new TextEncoder().encode(value);
}

function readOptions(written: readonly string[]): Record<string, string> {
  return Object.fromEntries(written.map((line) => {
    const [name, value] = cut(line);
    if (value === undefined) throw refuse(`${line} must be formatted as key=value`);
    return [name, value];
  }));
}

/** No more than a secret may have and one byte, by which the engine sees that it is too much. */
async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes = new Uint8Array(secretBytesMax);
  let at = 0;
  for await (const piece of pieces) {
    const part = piece.subarray(0, bytes.length - at);
    bytes.set(part, at);
    at += part.length;
    if (at === bytes.length) break;
  }
  return bytes.subarray(0, at);
}
