// podman system setup criu: a criu and a crun that checkpoint on this machine.

import { list, toggle } from "../../../cli/flag.ts";
import { none } from "../../../cli/operands.ts";
import { setUpCriu } from "../../../engine/criu/setup.ts";
import { refuse } from "../../container/written/refuse.ts";
import { verb } from "../../verb.ts";

export default verb({
  usage: "[options]",
  about: "Sees to a criu that works here. The one installed is tried for real: a process with a listening socket is dumped and restored. Where it fails, criu and a crun built with it are fetched from a newer Debian suite, through the mirror that apt uses, into a private folder; the packages of this machine are not touched.",
  operands: none(),
  flags: {
    force: toggle({ help: "Fetch even where there is one that works" }),
    quiet: toggle({ short: "q", help: "Say nothing where all is well" }),
    suite: list({ value: "NAME", help: "Debian suite to fetch from (default testing, then unstable)", shown: "[]" }),
  },
  examples: ["podman system setup criu", "podman system setup criu --suite trixie-backports"],
  async run({ context, flags }) {
    const strange = flags.suite.find((name) => !/^[a-z0-9][a-z0-9.+-]{0,63}$/.test(name));
    if (strange !== undefined) throw refuse(`cannot fetch from the Debian suite ${JSON.stringify(strange)}: that is no name of a suite`);
    const say = (sentence: string): void => { if (!flags.quiet) context.err(sentence); };
    const found = await setUpCriu(context.host, { force: flags.force, onStep: say, ...(flags.suite.length > 0 ? { suites: flags.suite } : {}) });
    if (flags.quiet) return;
    context.out(`criu ${found.version} at ${found.path} works here`);
    context.out(found.crun === undefined ? "there is no crun with CRIU: only containers of runc can be checkpointed" : `containers of crun are checkpointed by ${found.crun}`);
  },
});
