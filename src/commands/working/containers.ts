// buildah containers: the working containers and what they were made from.
// Source: buildah-containers(1).

import { Fault } from "../../base/fault.ts";
import { goJson } from "../../base/go-json.ts";
import { text, toggle } from "../../cli/flag.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import type { Host } from "../../engine/host.ts";
import { workingContainers } from "../../engine/working/records.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";

interface Row {
  readonly id: string;
  readonly builder: boolean;
  readonly imageid: string;
  readonly imagename: string;
  readonly containername: string;
}

const shown = view<Row>({
  name: "containers",
  type: "main.containerOutputParams",
  columns: {
    Builder: ["BUILDER", ({ builder }) => (builder ? "   *" : "")],
    ContainerID: ["CONTAINER ID", ({ id }) => id],
    ContainerName: ["CONTAINER NAME", ({ containername }) => containername],
    ImageID: ["IMAGE ID", ({ imageid }) => imageid],
    ImageName: ["IMAGE NAME", ({ imagename }) => imagename],
  },
  table: "",
});

export default verb({
  usage: "[flags]",
  about: "\n  Lists containers which appear to be buildah working containers, their\n  names and IDs, and the names and IDs of the images from which they were\n  initialized.",
  operands: {
    check({ operands }) {
      if (operands.length > 0) throw refuse("'buildah containers' does not accept arguments");
    },
  },
  flags: {
    all: toggle({ short: "a", help: "also list non-buildah containers" }),
    filter: text({ short: "f", help: "filter output based on conditions provided" }),
    format: text({ help: "pretty-print containers using a Go template", complete: completesFormat(shown.columns) }),
    json: toggle({ help: "output in JSON format" }),
    noheading: toggle({ short: "n", help: "do not print column headings" }),
    notruncate: toggle({ help: "do not truncate output" }),
    quiet: toggle({ short: "q", help: "display only container IDs" }),
  },
  examples: ["buildah containers", 'buildah containers --format "{{.ContainerID}} {{.ContainerName}}"', "buildah containers -q --noheading --notruncate"],
  async run({ context, flags, given }) {
    if (given.has("quiet") && given.has("format")) throw refuse("quiet and format are mutually exclusive");
    const passes = filterOf(given.has("filter") ? flags.filter : undefined);
    const rows = rowsOf(context.host, flags.all).filter(passes);
    if (flags.json) return context.out(rows.length === 0 ? "null" : goJson(rows, { indent: "    " }));
    if (flags.format) return context.write(await showRows(shown, rows, { format: flags.format }));
    if (flags.quiet) return context.write(rows.map(({ id }) => `${id}\n`).join(""));
    const lines = rows.map((row) => [row.id, row.builder ? "   *" : "", row.imageid, row.imagename, row.containername]);
    const heading = [["CONTAINER ID", "BUILDER", "IMAGE ID", "IMAGE NAME", "CONTAINER NAME"]];
    for (const line of [...(flags.noheading ? [] : heading), ...lines]) context.out(flags.notruncate ? wide(line) : narrow(line));
  },
});

const wide = ([id, builder, image, name, own]: readonly string[]): string =>
  `${id!.padEnd(64)} ${builder!.padEnd(8)} ${image!.padEnd(64)} ${name!.padEnd(32)} ${own}`;

const narrow = ([id, builder, image, name, own]: readonly string[]): string => {
  const short = name!.length > 32 ? `${name!.slice(0, 29)}...` : name!;
  return `${id!.slice(0, 12).padEnd(12)}  ${builder!.padEnd(8)} ${image!.slice(0, 12).padEnd(12)} ${short.padEnd(32)} ${own}`;
};

function rowsOf(host: Host, all: boolean): Row[] {
  const names = new Map<string, string>();
  const imageName = (id: string): string => {
    if (id === "") return "scratch";
    if (!names.has(id)) names.set(id, host.store.images.get(id)?.names.at(-1) ?? "");
    return names.get(id)!;
  };
  const own = workingContainers(host).map(({ id, name, imageId }) =>
    ({ id, builder: true, imageid: imageId, imagename: imageName(imageId), containername: name }));
  if (!all) return own;
  const others = host.state.containers().map(({ id, name, spec }) =>
    ({ id, builder: false, imageid: spec.imageId ?? "", imagename: imageName(spec.imageId ?? ""), containername: name }));
  return [...own, ...others];
}

/** "key=value,key=value". */
function filterOf(written: string | undefined): (row: Row) => boolean {
  if (written === undefined) return () => true;
  const wanted = new Map<string, string>();
  for (const part of written.split(",")) {
    const equals = part.indexOf("=");
    if (equals < 0) throw wrong(`incorrect filter value ${JSON.stringify(part)}, should be of form filter=value`);
    const key = part.slice(0, equals).trim();
    if (!["id", "name", "ancestor"].includes(key)) throw wrong(`invalid filter ${JSON.stringify(part.slice(0, equals))}`);
    wanted.set(key, part.slice(equals + 1));
  }
  const { id = "", name = "", ancestor = "" } = Object.fromEntries(wanted);
  return (row) => row.id.startsWith(id) && row.containername.includes(name) && (ancestor === "" || isAncestor(row, ancestor));
}

const wrong = (reason: string): Fault => refuse(`parsing filter: ${reason}`);

function isAncestor({ imageid, imagename }: Row, wanted: string): boolean {
  if (imageid.startsWith(wanted)) return true;
  const [name = "", tag] = imagename.split(":");
  const [wantedName = "", wantedTag] = wanted.split(":");
  return name.endsWith(wantedName) && (wantedTag === undefined || tag === wantedTag);
}
