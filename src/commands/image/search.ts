// podman search: looks for images in registries, or for the tags of one.
// Source: podman-search(1).

import { goJson } from "../../base/go-json.ts";
import { text, texts, toggle, whole } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import { readSearchFilter, searchImages, type SearchResult } from "../../image/search.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem } from "../pulling.ts";
import { authfile, certDir, creds, tlsVerify } from "../shared-flags.ts";
import { verb } from "../verb.ts";

const names = ["Index", "Name", "Description", "Stars", "Official", "Automated", "Tag"] as const;
const descriptionCharactersMax = 44;

const results = (table: string) => view<SearchResult>({
  name: "search",
  type: "types.ImageSearchReport",
  columns: Object.fromEntries(names.map((name) => [name, [name.toUpperCase(), (row: SearchResult) => row[name]]] as const)),
  table,
});

export default verb({
  usage: "[options] TERM",
  about: "Search registries for a given image. Can search all the default registries or a specific registry.\n\n\tUsers can limit the number of results, and filter the output based on certain conditions.",
  operands: exactly(1),
  flags: {
    authfile,
    certDir,
    compatible: toggle({ help: "List stars, official and automated columns (Docker compatibility)" }),
    creds,
    filter: texts({ short: "f", help: "Filter output based on conditions provided (default [])", complete: () => ["stars=", "is-official=", "is-automated="] }),
    format: text({ help: "Change the output format to JSON or a Go template", complete: completesFormat(names) }),
    limit: whole({ help: "Limit the number of results" }),
    listTags: toggle({ help: "List the tags of the input registry" }),
    noTrunc: toggle({ help: "Do not truncate the output" }),
    tlsVerify,
  },
  examples: [
    "podman search --filter=is-official --limit 3 alpine",
    "podman search registry.fedoraproject.org/  # only works with v2 registries",
    'podman search --format "table {{.Index}} {{.Name}}" registry.fedoraproject.org/fedora',
  ],
  async run({ context, flags, given, operands: [term = ""] }) {
    if (flags.listTags && flags.filter.length > 0) throw refuse("filters are not applicable to list tags result");
    const found = await searchImages(term, {
      system: imageSystem(context, flags, given),
      limit: flags.limit ?? 0,
      listTags: flags.listTags,
      filter: readSearchFilter(flags.filter),
    });
    if (found.length === 0) return;
    const isJson = flags.format === "json";
    const rows = found.map((row) => ({ ...row, Description: shortened(row.Description, flags.noTrunc || isJson) }));
    if (isJson) return context.out(goJson(flags.listTags ? byName(rows) : rows, { indent: "    " }));
    context.write(await showRows(results(tableOf(flags)), rows, flags.format === undefined ? {} : { format: flags.format }));
  },
});

function tableOf({ listTags, compatible }: { readonly listTags: boolean; readonly compatible: boolean }): string {
  if (listTags) return "table {{.Name}}\t{{.Tag}}";
  return `table {{.Name}}\t{{.Description}}${compatible ? "\t{{.Stars}}\t{{.Official}}\t{{.Automated}}" : ""}`;
}

function shortened(description: string, isWhole: boolean): string {
  const line = description.replaceAll("\n", " ");
  return isWhole || line.length <= descriptionCharactersMax ? line : `${line.slice(0, descriptionCharactersMax).trim()}...`;
}

function byName(rows: readonly SearchResult[]): { Name: string; Tags: string[] }[] {
  const all = new Map<string, string[]>();
  for (const { Name, Tag } of rows) (all.get(Name) ?? all.set(Name, []).get(Name)!).push(Tag);
  return [...all].map(([Name, Tags]) => ({ Name, Tags }));
}
