// podman image trust show: the trust policy, scope by scope.
// Source: podman-image-trust(1).

import { goJson } from "../../../base/go-json.ts";
import { text, toggle } from "../../../cli/flag.ts";
import { between } from "../../../cli/operands.ts";
import { showRows, view } from "../../../cli/view.ts";
import { policyPath, readPolicyText, trustRows, type TrustRow } from "../../../image/trust.ts";
import { verb } from "../../verb.ts";

const rowsView = () => view<TrustRow>({
  name: "show",
  type: "images.imageReporter",
  columns: {
    Transport: ["TRANSPORT", row => row.transport],
    RepoName: ["NAME", row => row.repoName],
    Type: ["TYPE", row => row.type],
    GPGId: ["ID", row => row.keyOwners],
    SignatureStore: ["STORE", row => row.signatureStore],
  },
  table: "table {{.Transport}}\t{{.RepoName}}\t{{.Type}}\t{{.GPGId}}\t{{.SignatureStore}}",
});

export default verb({
  usage: "[options] [REGISTRY]",
  about: "Display trust policy for the system",
  operands: between(0, 1),
  flags: {
    json: toggle({ short: "j", help: "Output as json" }),
    noheading: toggle({ short: "n", help: "Do not print column headings" }),
    policypath: text({ help: "", hidden: true }),
    raw: toggle({ help: "Output raw policy file" }),
    registrypath: text({ help: "", hidden: true }),
  },
  needs: "nothing",
  async run({ context, flags }) {
    const file = policyPath(flags.policypath);
    if (flags.raw) return context.out(readPolicyText(file));
    const rows = trustRows(file, flags.registrypath);
    if (flags.json) return context.out(goJson(rows.map(jsonRow), { indent: "  " }));
    context.write(await showRows(rowsView(), rows, { noHeading: flags.noheading }));
  },
});

/** Empty fields are left out, as Go does. */
const jsonRow = ({ transport, name, repoName, signatureStore, type, keyOwners }: TrustRow): object => ({
  transport,
  ...(name ? { name } : {}),
  ...(repoName ? { repo_name: repoName } : {}),
  ...(signatureStore ? { sigstore: signatureStore } : {}),
  type,
  ...(keyOwners ? { gpg_id: keyOwners } : {}),
});
