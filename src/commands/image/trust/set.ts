// podman image trust set: trust or distrust a registry, or everything that no scope is about.
// Source: podman-image-trust(1).

import { files } from "../../../cli/complete.ts";
import { text, texts } from "../../../cli/flag.ts";
import { exactly } from "../../../cli/operands.ts";
import { policyPath, setTrust, trustTypes } from "../../../image/trust.ts";
import { refuse } from "../../container/written/refuse.ts";
import { verb } from "../../verb.ts";

export default verb({
  usage: "[options] REGISTRY",
  about: "Set default trust policy or add a new trust policy for a registry",
  operands: exactly(1),
  flags: {
    policypath: text({ help: "", hidden: true }),
    pubkeysfile: texts({
      short: "f",
      help: "Path of installed public key(s) to trust for TARGET.\nAbsolute path to keys is added to policy.json. May\nused multiple times to define multiple public keys.\nFile(s) must exist before using this command",
      complete: files,
    }),
    type: text({ short: "t", help: "Trust type, accept values: signedBy(default), accept, reject", fallback: "signedBy", complete: () => ["accept", "reject", "signedBy", "sigstoreSigned"] }),
  },
  needs: "nothing",
  run({ flags, operands: [scope = ""] }) {
    if (!/^[a-zA-Z0-9\-_.]+\/?:?[0-9]*[a-z0-9\-/:]*$/.test(scope.split("/")[0]!)) throw refuse(`invalid image uri: ${scope}`);
    if (!trustTypes.includes(flags.type)) throw refuse(`invalid choice: ${flags.type} (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')`);
    setTrust(policyPath(flags.policypath), { scope, type: flags.type, keyFiles: flags.pubkeysfile });
  },
});
