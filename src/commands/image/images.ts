// podman images: the images of the store.
// Source: podman-images(1).

import { humanSize } from "../../base/bytes.ts";
import { humanDuration } from "../../base/duration.ts";
import { goJson } from "../../base/go-json.ts";
import { goTimeString, rfc3339 } from "../../base/time.ts";
import { completesFormat, showRows, view, type View } from "../../cli/view.ts";
import { choice, text, texts, toggle } from "../../cli/flag.ts";
import { atMost } from "../../cli/operands.ts";
import { imageRows, imageSortKeys, listImages, type ImageRow } from "../../image/list.ts";
import { usesOfImages } from "../../engine/images.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";

interface Look {
  readonly noTrunc: boolean;
  readonly digests: boolean;
  readonly history: boolean;
  readonly readOnly: boolean;
}

const created = ({ summary }: ImageRow): string => `${humanDuration(Date.now() - summary.Created * 1000)} ago`;
const createdAt = ({ summary }: ImageRow): string => goTimeString(summary.Created * 1000, "utc");
const size = ({ summary }: ImageRow): string => humanSize(summary.Size).replace(/(\d)([A-Za-z])/, "$1 $2").replace(/ +/, " ");

export function imagesView(look: Look): View<ImageRow> {
  const digests = look.digests ? "{{.Digest}}\t" : "";
  const tail = `${look.history ? "\t{{if .History}}{{.History}}{{else}}<none>{{end}}" : ""}${look.readOnly ? "\t{{.ReadOnly}}" : ""}`;
  return view<ImageRow>({
    name: "images",
    type: "images.imageReporter",
    columns: {
      Arch: ["ARCH", (row) => row.summary.Arch],
      Containers: ["CONTAINERS", (row) => row.summary.Containers],
      Created: ["CREATED", created],
      CreatedAt: ["CREATED AT", createdAt],
      CreatedSince: ["CREATED", created],
      CreatedTime: ["CREATED TIME", createdAt],
      Dangling: ["DANGLING", (row) => row.summary.Dangling],
      Digest: ["DIGEST", (row) => row.summary.Digest],
      History: ["HISTORY", (row) => row.summary.History.join(", ")],
      ID: ["IMAGE ID", (row) => (look.noTrunc ? `sha256:${row.summary.Id}` : row.summary.Id.slice(0, 12))],
      Id: ["IMAGE ID", (row) => row.summary.Id],
      IsManifestList: ["IS MANIFEST LIST", (row) => row.summary.IsManifestList],
      Labels: ["LABELS", (row) => row.summary.Labels ?? {}],
      Names: ["NAMES", (row) => row.summary.Names],
      Os: ["OS", (row) => row.summary.Os],
      ParentId: ["PARENT ID", (row) => row.summary.ParentId],
      ReadOnly: ["R/O", (row) => row.summary.ReadOnly],
      RepoDigests: ["REPO DIGESTS", (row) => row.summary.RepoDigests],
      RepoTags: ["REPO TAGS", (row) => row.summary.RepoTags ?? []],
      Repository: ["REPOSITORY", (row) => row.repository],
      SharedSize: ["SHARED SIZE", (row) => row.summary.SharedSize],
      Size: ["SIZE", size],
      Tag: ["TAG", (row) => row.tag],
      VirtualSize: ["VIRTUAL SIZE", (row) => row.summary.VirtualSize],
    },
    table: `table {{.Repository}}\t{{.Tag}}\t${digests}{{.ID}}\t{{.Created}}\t{{.Size}}${tail}`,
  });
}

const plain: Look = { noTrunc: false, digests: false, history: false, readOnly: false };

const flags = {
  all: toggle({ short: "a", help: "Show all images (default hides intermediate images)" }),
  digests: toggle({ help: "Show digests" }),
  filter: texts({ short: "f", help: "Filter output based on conditions provided", shown: "[]" }),
  format: text({ help: "Change the output format to JSON or a Go template", complete: (word, at) => completesFormat(imagesView(plain).columns)(word, at) }),
  history: toggle({ help: "Display the image name history" }),
  noTrunc: toggle({ help: "Do not truncate output" }),
  noheading: toggle({ short: "n", help: "Do not print column headings" }),
  quiet: toggle({ short: "q", help: "Display only image IDs" }),
  sort: choice(imageSortKeys, { help: `Sort by ${imageSortKeys.join(", ")}`, fallback: "created", shown: "created" }),
} as const;

export default verb({
  looks: true,
  usage: "[options] [IMAGE]",
  about: "Lists images previously pulled to the system or created on the system.",
  operands: atMost(1, imageNames),
  flags,
  examples: [
    "podman images --format json",
    'podman images --sort repository --format "table {{.ID}} {{.Repository}} {{.Tag}}"',
    "podman images --filter dangling=true",
  ],
  async run(call) {
    const { context, flags: asked, given } = call;
    const rows = rowsOf(call);
    if (asked.quiet) {
      const ids = new Set(rows.map(({ summary }) => (asked.noTrunc ? `sha256:${summary.Id}` : summary.Id.slice(0, 12))));
      context.write([...ids].map((id) => `${id}\n`).join(""));
      return;
    }
    if (asked.format === "json") {
      context.out(goJson(uniqueSummaries(rows), { indent: "    " }));
      return;
    }
    const look = { noTrunc: asked.noTrunc, digests: asked.digests, history: asked.history, readOnly: rows.some(({ summary }) => summary.ReadOnly) };
    context.write(await showRows(imagesView(look), rows, { ...(given.has("format") ? { format: asked.format! } : {}), noHeading: asked.noheading }));
  },
});

function rowsOf({ context, flags: asked, operands, given }: VerbCall<typeof flags>): ImageRow[] {
  const [name] = operands;
  if (name !== undefined && given.has("filter")) throw refuse("cannot specify an image and a filter(s)");
  if (asked.quiet && given.has("format")) throw refuse("quiet and format are mutually exclusive");
  const found = listImages(context.host.store, {
    all: asked.all,
    filters: [...asked.filter, ...(name === undefined ? [] : [`reference=${name}`])],
    ...usesOfImages(context.host),
  });
  return imageRows(found, asked.sort);
}

function uniqueSummaries(rows: readonly ImageRow[]): unknown[] {
  const seen = new Set<string>();
  const unique = rows.filter(({ summary }) => !seen.has(summary.Id) && seen.add(summary.Id));
  return unique.map(({ summary }) => {
    const { Id, ...rest } = summary;
    return { Id, ...rest, CreatedAt: rfc3339(summary.Created * 1000, "utc") };
  });
}
