// podman version: what we are compatible with, and what we are.
// Source: podman-version(1).

import * as fs from "node:fs";
import { goJson } from "../../base/go-json.ts";
import { ansic } from "../../base/time.ts";
import { text } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showOne } from "../../cli/view.ts";
import { verb } from "../verb.ts";
import { builtAt, builtFrom, compatibleVersion, ownVersion } from "../version.ts";

const fields = ["APIVersion", "Version", "GoVersion", "GitCommit", "BuiltTime", "Built", "BuildOrigin", "OsArch", "Os"];

/** podman's define.Version, with its JSON names. */
export function versionReport() {
  const built = builtAt() ?? Math.floor(fs.statSync(process.execPath).mtimeMs / 1000);
  const arch = { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch;
  return {
    APIVersion: compatibleVersion,
    Version: compatibleVersion,
    GoVersion: `bun${Bun.version}`,
    GitCommit: builtFrom(),
    BuiltTime: ansic(built * 1000),
    Built: built,
    BuildOrigin: `Coracle ${ownVersion}`,
    OsArch: `linux/${arch}`,
    Os: "linux",
  };
}

export default verb({
  usage: "[options]",
  about: "",
  operands: none(),
  flags: {
    format: text({
      short: "f",
      help: "Change the output format to JSON or a Go template",
      complete: completesFormat(fields.map((field) => `Client.${field}`)),
    }),
  },
  needs: "nothing",
  async run({ flags, context }) {
    const client = versionReport();
    if (flags.format === undefined) return context.write(plain(client));
    if (flags.format === "json") return context.out(goJson({ Client: client }));
    context.write(await byTemplate(flags.format, client));
  },
});

function plain(client: ReturnType<typeof versionReport>): string {
  const rows: [string, string][] = [
    ["Client:", "Podman Engine"],
    ["Version:", client.Version],
    ["API Version:", client.APIVersion],
    ["Go Version:", client.GoVersion],
    ...(client.GitCommit ? [["Git Commit:", client.GitCommit] as [string, string]] : []),
    ["Built:", client.BuiltTime],
    ["Build Origin:", client.BuildOrigin],
    ["OS/Arch:", client.OsArch],
  ];
  return rows.map(([name, value]) => `${name.padEnd(15)}${value}\n`).join("");
}

/** `{{.Version}}` means the client's, as `{{.Client.Version}}` does. */
async function byTemplate(format: string, client: object): Promise<string> {
  try {
    return await showOne({ Client: client }, format, { name: "version", type: "*version.report" });
  } catch {
    return await showOne(client, format, { name: "version", type: "*define.Version" });
  }
}
