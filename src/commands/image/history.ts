// podman history: the steps an image was made by.
// Source: podman-history(1).

import { humanSizeTight } from "../../base/bytes.ts";
import { humanDuration } from "../../base/duration.ts";
import { goJson } from "../../base/go-json.ts";
import { momentMs, rfc3339 } from "../../base/time.ts";
import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { completesFormat, showRows, view, type View } from "../../cli/view.ts";
import { imageHistory, type HistoryEntry } from "../../image/history.ts";
import { getImage } from "../../image/resolve.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

function historyView(look: { human: boolean; noTrunc: boolean }): View<HistoryEntry> {
  const at = ({ created }: HistoryEntry): string => (created === undefined ? "" : rfc3339(momentMs(created), "utc"));
  const ago = (entry: HistoryEntry): string => (entry.created === undefined ? "" : `${humanDuration(Date.now() - momentMs(entry.created))} ago`);
  return view<HistoryEntry>({
    name: "history",
    type: "images.historyReporter",
    columns: {
      Comment: ["COMMENT", (entry) => entry.comment],
      Created: ["CREATED", (entry) => (look.human ? ago(entry) : at(entry))],
      CreatedAt: ["CREATED AT", at],
      CreatedBy: ["CREATED BY", (entry) => (look.noTrunc || entry.createdBy.length <= 45 ? entry.createdBy : `${entry.createdBy.slice(0, 42)}...`)],
      CreatedSince: ["CREATED", ago],
      ID: ["ID", (entry) => (look.noTrunc || entry.id === "<missing>" ? entry.id : entry.id.slice(0, 12))],
      Size: ["SIZE", (entry) => (look.human ? humanSizeTight(entry.size) : String(entry.size))],
      Tags: ["TAGS", (entry) => entry.tags],
    },
    table: "table {{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
  });
}

export default verb({
  usage: "[options] IMAGE",
  about: "Displays the history of an image.\n\n  The information can be printed out in an easy to read, or user specified format, and can be truncated.",
  operands: exactly(1, imageNames),
  flags: {
    format: text({ help: "Change the output to JSON or a Go template", complete: (word, at) => completesFormat(historyView({ human: true, noTrunc: false }).columns)(word, at) }),
    human: toggle({ short: "H", help: "Display sizes and dates in human readable format", fallback: true }),
    noTrunc: toggle({ help: "Do not truncate the output", aliases: ["notruncate"] }),
    quiet: toggle({ short: "q", help: "Display the numeric IDs only" }),
  },
  examples: ["podman history quay.io/fedora/fedora"],
  async run({ context, flags, operands }) {
    const { store, imageSystem } = context.host;
    const entries = imageHistory(store, getImage(store, operands[0]!, imageSystem));
    if (flags.format === "json") {
      const rows = entries.map(({ id, created, createdBy, size, comment, tags }) => ({ id, created, CreatedBy: createdBy, size, comment, tags }));
      context.out(goJson(rows, { indent: "    " }));
      return;
    }
    if (flags.quiet) {
      for (const { id } of entries) context.out(flags.noTrunc || id === "<missing>" ? id : id.slice(0, 12));
      return;
    }
    const view = historyView({ human: flags.human, noTrunc: flags.noTrunc });
    context.write(await showRows(view, entries, flags.format === undefined ? {} : { format: flags.format }));
  },
});
