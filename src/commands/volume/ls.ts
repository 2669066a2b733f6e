// podman volume ls.

import { goJson } from "../../base/go-json.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import type { Host } from "../../engine/host.ts";
import { inspectVolume, listVolumes, type Volume } from "../../engine/volumes/volumes.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";

const names = ["Anonymous", "CreatedAt", "Driver", "GID", "Labels", "LockNumber", "MountCount", "Mountpoint", "Name", "NeedsChown",
  "NeedsCopyUp", "Options", "Scope", "Status", "StorageID", "Timeout", "UID"];

/** What is more than the name and the driver is looked up only where it is shown. */
function column(host: Host, name: string): (volume: Volume) => unknown {
  if (name === "Name") return (volume) => volume.name;
  if (name === "Driver") return (volume) => volume.driver;
  return (volume) => inspectVolume(host, volume)[name] ?? "";
}

const volumes = (host: Host) =>
  view<Volume>({
    name: "ls",
    type: "volumes.volumeReporter",
    columns: Object.fromEntries(names.map((name) => [name, [name === "Name" ? "VOLUME NAME" : name.toUpperCase(), column(host, name)]] as const)),
    table: "table {{.Driver}}\t{{.Name}}",
  });

export default verb({
  looks: true,
  usage: "[options]",
  about: "\npodman volume ls\n\nList all available volumes. The output of the volumes can be filtered\nand the output format can be changed to JSON or a user specified Go template.",
  operands: none(),
  flags: {
    filter: texts({ short: "f", help: "Filter volume output" }),
    format: text({ help: "Format volume output using Go template", shown: '"{{range .}}{{.Driver}}\\t{{.Name}}\\n{{end -}}"', complete: completesFormat(names) }),
    noheading: toggle({ short: "n", help: "Do not print headers" }),
    quiet: toggle({ short: "q", help: "Print volume output in quiet mode" }),
  },
  async run({ context, flags, given }) {
    if (flags.quiet && given.has("format")) throw refuse("quiet and format flags cannot be used together");
    const { host } = context;
    const rows = listVolumes(host, flags.filter);
    if (flags.format === "json") context.out(rows.length === 0 ? "[]" : goJson(rows.map((volume) => inspectVolume(host, volume)), { indent: "     " }));
    else if (flags.quiet) context.write(rows.map(({ name }) => `${name}\n`).join(""));
    else context.write(await showRows(volumes(host), rows, { ...(flags.format === undefined ? {} : { format: flags.format }), noHeading: flags.noheading }));
  },
});
