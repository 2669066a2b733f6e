// podman secret inspect.
// Source: podman-secret-inspect(1).

import { goTimeString } from "../../base/time.ts";
import { goJson } from "../../base/go-json.ts";
import { text, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import { Fault } from "../../base/fault.ts";
import { getSecret, inspectSecret, type SecretRecord } from "../../engine/secrets/secrets.ts";
import type { Host } from "../../engine/host.ts";
import { secretNames } from "../suggest.ts";
import { verb } from "../verb.ts";

type Report = Readonly<Record<string, unknown>>;
const time = (row: Report, name: string): string => goTimeString(String(row[name]));
const names = ["CreatedAt", "ID", "SecretData", "Spec.Driver.Name", "Spec.Driver.Options", "Spec.Labels", "Spec.Name", "UpdatedAt"];

const reports = () => view<Report>({
  name: "inspect",
  type: "types.SecretInfoReport",
  columns: {
    CreatedAt: ["CREATEDAT", (row) => time(row, "CreatedAt")],
    ID: ["ID", (row) => row["ID"]],
    SecretData: ["SECRETDATA", (row) => row["SecretData"] ?? ""],
    Spec: ["SPEC", (row) => row["Spec"]],
    UpdatedAt: ["UPDATEDAT", (row) => time(row, "UpdatedAt")],
  },
  table: "",
});

const pretty = `ID:              {{.ID}}
Name:              {{.Spec.Name}}
{{- if .Spec.Labels }}
Labels:
{{- range $k, $v := .Spec.Labels }}
 - {{ $k }}{{if $v }}={{ $v }}{{ end }}
{{- end }}{{ end }}
Driver:            {{.Spec.Driver.Name}}
Created at:        {{.CreatedAt}}
Updated at:        {{.UpdatedAt}}`;

export default verb({
  usage: "[options] SECRET [SECRET...]",
  about: "Display detail information on one or more secrets",
  operands: atLeast(1, secretNames),
  flags: {
    format: text({ short: "f", help: "Format inspect output using Go template", complete: completesFormat(names) }),
    pretty: toggle({ help: "Print inspect output in human-readable format" }),
    showsecret: toggle({ help: "Display the secret" }),
  },
  examples: ["podman secret inspect MYSECRET"],
  async run({ context, flags, operands }) {
    const { found, faults } = lookUp(context.host, operands);
    const shown = found.map((secret) => inspectSecret(context.host, secret, { showSecret: flags.showsecret }));
    const format = flags.pretty ? pretty : flags.format;
    if (format === undefined) context.out(goJson(shown, { indent: "    " }));
    else context.write(await showRows(reports(), shown, { format }));
    for (const fault of faults) context.failed(new Fault(fault.code, `inspecting secret: ${fault.message}`));
  },
});

function lookUp(host: Host, operands: readonly string[]): { found: SecretRecord[]; faults: Fault[] } {
  const found: SecretRecord[] = [];
  const faults: Fault[] = [];
  for (const name of operands) {
    try {
      found.push(getSecret(host, name));
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "secret.not-found") throw thrown;
      faults.push(thrown);
    }
  }
  return { found, faults };
}
