// podman secret ls.
// Source: podman-secret-ls(1).

import { humanDuration } from "../../base/duration.ts";
import { momentMs } from "../../base/time.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import { listSecrets, type SecretRecord } from "../../engine/secrets/secrets.ts";
import { verb } from "../verb.ts";

const ago = (moment: string): string => `${humanDuration(Date.now() - momentMs(moment))} ago`;

const secrets = () => view<SecretRecord>({
  name: "ls",
  type: "secrets.SecretListReport",
  columns: {
    CreatedAt: ["CREATED", (row) => ago(row.createdAt)],
    Driver: ["DRIVER", (row) => row.driver],
    ID: ["ID", (row) => row.id],
    Name: ["NAME", (row) => row.name],
    UpdatedAt: ["UPDATED", (row) => ago(row.updatedAt)],
  },
  table: "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
  json: (row) => ({ ID: row.id, Name: row.name, Driver: row.driver, CreatedAt: ago(row.createdAt), UpdatedAt: ago(row.updatedAt) }),
});

export default verb({
  usage: "[options]",
  about: "List secrets",
  operands: none(),
  flags: {
    filter: texts({ short: "f", help: "Filter secret output" }),
    format: text({ help: "Format secret output using Go template", shown: '"{{range .}}{{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.CreatedAt}}\\t{{.UpdatedAt}}\\n{{end -}}"', complete: (word, at) => completesFormat(secrets().columns)(word, at) }),
    noheading: toggle({ short: "n", help: "Do not print headers" }),
    quiet: toggle({ short: "q", help: "Print secret IDs only" }),
  },
  examples: ["podman secret ls"],
  async run({ context, flags }) {
    const rows = listSecrets(context.host, flags.filter);
    if (flags.quiet && flags.format === undefined) context.write(rows.map(({ id }) => `${id}\n`).join(""));
    else context.write(await showRows(secrets(), rows, { ...(flags.format === undefined ? {} : { format: flags.format }), noHeading: flags.noheading }));
  },
});
