// podman volume reload: looks for volumes that plugins have made; volumes of the local driver are all known already.
// Source: podman-volume-reload(1).

import { none } from "../../cli/operands.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "",
  about: "Check all configured volume plugins and update the libpod database with all available volumes.\n\n  Existing volumes are also removed from the database when they are no longer present in the plugin.",
  operands: none(),
  flags: {},
  run({ context }) {
    const names = Object.keys(context.host.conf.engine.volume_plugins ?? {});
    if (names.length > 0) throw refuse(`cannot ask the volume plugins ${names.join(", ")}: volume plugins are not supported`, "remove volume_plugins from containers.conf");
  },
});
