// podman ps: the containers.
// Source: podman-ps(1).

import { goJson } from "../../base/go-json.ts";
import { completesFormat, showRows } from "../../cli/view.ts";
import { choice, natural, text, toggle, whole } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { list, type ContainerRow } from "../../engine/containers/list.ts";
import { filters, latest, noTrunc } from "../shared-flags.ts";
import { verb, type Invocation, type VerbCall } from "../verb.ts";
import { psSortNames, psView, sortRows } from "./ps-view.ts";
import { refuse } from "./written/refuse.ts";

const plain = { noTrunc: false, namespaces: false, pod: false, size: false };

const flags = {
  all: toggle({ short: "a", help: "Show all the containers, default is only running containers" }),
  external: toggle({ help: "Show containers in storage not controlled by Podman" }),
  filter: filters,
  format: text({ help: "Pretty-print containers to JSON or using a Go template", complete: (word, at) => completesFormat(psView(plain).columns)(word, at) }),
  last: whole({ short: "n", help: "Print the n last created containers (all states)", fallback: -1 }),
  latest,
  noTrunc: { ...noTrunc, help: "Display the extended information" },
  noheading: toggle({ help: "Do not print headers" }),
  ns: toggle({ help: "Display namespace information", aliases: ["namespace"] }),
  pod: toggle({ short: "p", help: "Print the ID and name of the pod the containers are associated with" }),
  quiet: toggle({ short: "q", help: "Print the numeric IDs of the containers only" }),
  size: toggle({ short: "s", help: "Display the total file sizes" }),
  sort: choice(psSortNames, { help: `Sort output by: ${psSortNames.join(", ")}` }),
  sync: toggle({ help: "Sync container state with OCI runtime" }),
  watch: natural({ short: "w", help: "Watch the ps output on an interval in seconds" }),
} as const;
type Line = VerbCall<typeof flags>;

export default verb({
  looks: true,
  usage: "[options]",
  about: "Prints out information about the containers",
  operands: none(),
  flags,
  examples: ["podman ps -a", 'podman ps -a --format "{{.ID}}  {{.Image}}  {{.Labels}}  {{.Mounts}}"', "podman ps --size --sort names"],
  async run(line) {
    check(line);
    if (!line.flags.watch) return print(line.context, line);
    for (;;) {
      line.context.write(Buffer.from("\u001b[2J\u001b[1;1H"));
      await print(line.context, line);
      await new Promise((done) => setTimeout(done, line.flags.watch! * 1000));
    }
  },
});

function check({ flags: asked, given }: Line): void {
  if (asked.last >= 0 && asked.latest) throw refuse("last and latest are mutually exclusive");
  if (asked.latest && asked.all) throw refuse("--all and --latest cannot be used together");
  if (asked.quiet && (asked.size || asked.ns)) throw refuse(`quiet cannot be used with ${asked.size ? "size" : "namespace"}`);
  if (asked.size && asked.ns) throw refuse("size and namespace options conflict");
  if (given.has("filter")) for (const filter of asked.filter) if (!filter.includes("=")) throw refuse(`invalid filter ${JSON.stringify(filter)}`);
  if (asked.watch && asked.latest) throw refuse("the watch and latest flags cannot be used together");
  if (asked.external && asked.filter.some((filter) => filter.startsWith("pod="))) throw refuse("the pod filter cannot be used with --external");
}

function rowsOf({ context, flags: asked }: Line): ContainerRow[] {
  const isForSize = asked.size || asked.sort === "size" || /\.Size\b/.test(asked.format ?? "");
  const rows = list(context.host, {
    all: asked.all,
    filters: asked.filter,
    ...(asked.last >= 0 ? { last: asked.last } : {}),
    latest: asked.latest,
    size: isForSize,
    namespace: asked.ns || /Namespaces|\.(Cgroup|IPC|MNT|NET|PIDNS|User|UTS)\b/.test(asked.format ?? ""),
    external: asked.external,
    pod: asked.pod || /\.PodName\b/.test(asked.format ?? ""),
  });
  return sortRows(rows, asked.sort ?? "created");
}

async function print(context: Invocation, line: Line): Promise<void> {
  const { flags: asked } = line;
  const rows = rowsOf(line);
  if (asked.format === "json") {
    context.out(rows.length === 0 ? "[]" : goJson(rows, { indent: "  " }));
    return;
  }
  if (asked.quiet && asked.format === undefined) {
    context.write(rows.map((row) => `${asked.noTrunc ? row.Id : row.Id.slice(0, 12)}\n`).join(""));
    return;
  }
  const look = { noTrunc: asked.noTrunc, namespaces: asked.ns, pod: asked.pod, size: asked.size };
  const format = asked.format?.replaceAll(".Namespaces.", ".");
  context.write(await showRows(psView(look), rows, { ...(format === undefined ? {} : { format }), noHeading: asked.noheading }));
}
