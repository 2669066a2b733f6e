// buildah images: the images of the store, in buildah's columns.
// Source: buildah-images(1).

import { formatG } from "../../base/bytes.ts";
import { humanDuration } from "../../base/duration.ts";
import { goJson } from "../../base/go-json.ts";
import { goTimeString, rfc3339Nano } from "../../base/time.ts";
import { list, text, toggle } from "../../cli/flag.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import { usesOfImages } from "../../engine/images.ts";
import { imageRows, listImages, type ImageRow } from "../../image/list.ts";
import { getFound } from "../../image/resolve.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb, type Invocation } from "../verb.ts";
import { refuseLateOptions } from "./operands.ts";

const ago = ({ summary }: ImageRow): string => `${humanDuration(Date.now() - summary.Created * 1000)} ago`;

/** Three digits, by thousands. */
export function roundSize(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${formatG(size, 3)} ${units[unit]}`;
}

/** The names an image had before, without the one it is shown by. */
function formerNames({ repository, tag, summary }: ImageRow): string {
  const names = summary.History[0] === `${repository}:${tag}` ? summary.History.slice(1) : summary.History;
  return names.length === 0 ? "<none>" : names.join(", ");
}

const shown = (whole: boolean, table: string) => view<ImageRow>({
  name: "images",
  type: "main.imageOutputParams",
  columns: {
    Created: ["CREATED", ({ summary }) => summary.Created],
    CreatedAt: ["CREATED", ago],
    CreatedAtRaw: ["CREATEDATRAW", ({ summary }) => goTimeString(summary.Created * 1000, "utc")],
    Digest: ["DIGEST", ({ summary }) => summary.Digest],
    History: ["HISTORY", formerNames],
    ID: ["IMAGE ID", ({ summary }) => idOf(summary.Id, whole)],
    Name: ["REPOSITORY", ({ repository }) => repository],
    ReadOnly: ["R/O", ({ summary }) => summary.ReadOnly],
    Size: ["SIZE", ({ summary }) => roundSize(summary.Size)],
    Tag: ["TAG", ({ tag }) => tag],
  },
  table,
});

const idOf = (id: string, whole: boolean): string => (whole ? `sha256:${id}` : id.slice(0, 12));

export default verb({
  usage: "[flags] [IMAGE]",
  about: "\n  Lists locally stored images.",
  operands: { complete: imageNames, check() {} },
  interspersed: false,
  flags: {
    all: toggle({ short: "a", help: "show all images, including intermediate images from a build" }),
    digests: toggle({ help: "show digests" }),
    filter: list({ short: "f", help: "filter output based on conditions provided" }),
    format: text({ help: "pretty-print images using a Go template", complete: completesFormat(["Name", "Tag", "ID", "Digest", "CreatedAt", "Size"]) }),
    history: toggle({ help: "display the image name history" }),
    json: toggle({ help: "output in JSON format" }),
    noTrunc: toggle({ help: "do not truncate output" }),
    noheading: toggle({ short: "n", help: "do not print column headings" }),
    quiet: toggle({ short: "q", help: "display only image IDs" }),
  },
  examples: ["buildah images --all", "buildah images [imageName]", "buildah images --format '{{.ID}} {{.Name}} {{.Size}} {{.CreatedAtRaw}}'"],
  async run({ context, flags, operands }) {
    if (operands.length > 0) {
      if (flags.all) throw refuse("when using the --all switch, you may not pass any images names or IDs");
      refuseLateOptions(operands);
      if (operands.length > 1) throw refuse("'buildah images' requires at most 1 argument");
    }
    const rows = rowsOf(context, operands[0], { all: flags.all, filters: flags.filter });
    if (flags.quiet && flags.format) throw refuse("quiet and format are mutually exclusive");
    if (flags.json) return context.out(goJson(jsonOf(rows, flags.noTrunc), { indent: "    " }));
    if (flags.quiet) return context.write([...new Set(rows.map(({ summary }) => idOf(summary.Id, flags.noTrunc)))].map((id) => `${id}\n`).join(""));
    const columns = `{{.Name}}\t{{.Tag}}\t${flags.digests ? "{{.Digest}}\t" : ""}{{.ID}}\t{{.CreatedAt}}\t{{.Size}}${flags.history ? "\t{{.History}}" : ""}`;
    const table = shown(flags.noTrunc, `table ${columns}`);
    context.write(await showRows(table, rows, { ...(flags.format ? { format: flags.format } : {}), noHeading: flags.noheading }));
  },
});

function rowsOf({ host }: Invocation, name: string | undefined, { all, filters }: { all: boolean; filters: readonly string[] }): ImageRow[] {
  const found = listImages(host.store, { all, filters, system: host.imageSystem, ...usesOfImages(host) });
  const rows = imageRows(found, "created");
  if (name === undefined) return rows;
  const { image } = getFound(host.store, name, host.imageSystem);
  return rows.filter(({ summary }) => summary.Id === image.id);
}

function jsonOf(rows: readonly ImageRow[], whole: boolean): object[] {
  const unique = rows.filter((row, at) => rows.findIndex(({ summary }) => summary.Id === row.summary.Id) === at);
  return unique.map((row) => ({
    id: idOf(row.summary.Id, whole),
    names: row.summary.RepoTags ?? [],
    digest: row.summary.Digest,
    createdat: ago(row),
    size: roundSize(row.summary.Size),
    created: row.summary.Created,
    createdatraw: rfc3339Nano(row.summary.Created * 1000, "utc"),
    readonly: row.summary.ReadOnly,
    history: null,
  }));
}
