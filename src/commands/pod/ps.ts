// podman pod ps: the pods. None can be made yet, so the list is empty.

import { text, texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { latest } from "../shared-flags.ts";
import { verb } from "../verb.ts";
import { checkPodFilters, noSuchPod } from "./absent.ts";

const refused = "there are no pods yet";

export default verb({
  usage: "[options]",
  about: "List all pods on system including their names, ids and current state.",
  operands: none(),
  flags: {
    ctrIds: toggle({ help: "Display the container UUIDs. If no-trunc is not set they will be truncated", refused }),
    ctrNames: toggle({ help: "Display the container names", refused }),
    ctrStatus: toggle({ help: "Display the container status", refused }),
    filter: texts({ short: "f", help: "Filter output based on conditions given" }),
    format: text({ help: "Pretty-print pods to JSON or using a Go template" }),
    latest,
    noTrunc: toggle({ help: "Do not truncate pod and container IDs" }),
    noheading: toggle({ short: "n", help: "Do not print headers" }),
    ns: toggle({ help: "Display namespace information of the pod", refused }),
    quiet: toggle({ short: "q", help: "Print the numeric IDs of the pods only" }),
    sort: text({ help: "Sort output by created, id, name, or number", refused }),
  },
  run({ context, flags, given }) {
    if (flags.latest) throw noSuchPod();
    checkPodFilters(flags.filter);
    if (flags.format === "json") context.out("[]");
    else if (!flags.quiet && !given.has("format") && !flags.noheading) context.out("POD ID      NAME        STATUS      CREATED     INFRA ID    # OF CONTAINERS");
  },
});
