// podman system migrate: what a newer version needs of older containers, and another runtime for all of them.
// Source: podman-system-migrate(1).

import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { migrate } from "../../engine/migrate.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "podman system migrate\n\n        Migrate existing containers to a new version of Podman.\n",
  operands: none(),
  flags: {
    migrateDb: toggle({ help: "Migrate database to a new version", refused: "there has never been another database here" }),
    newRuntime: text({ help: "Specify a new runtime for all containers" }),
  },
  examples: ["podman system migrate", "podman system migrate --new-runtime runc"],
  async run({ context, flags }) {
    for (const id of await migrate(context.host, flags.newRuntime)) context.out(`Migrated ${id} to OCI runtime ${flags.newRuntime}`);
  },
});
