// buildah mount: working containers' roots at paths of the host.
// Source: buildah-mount(1).

import { goJson } from "../../base/go-json.ts";
import { toggle } from "../../cli/flag.ts";
import { getWorking } from "../../engine/working/records.ts";
import { mountedWorking, mountWorking } from "../../engine/working/mount.ts";
import { verb } from "../verb.ts";
import { eachOf, inFront, ordered, workingNames } from "./operands.ts";

interface Shown {
  readonly container?: string;
  readonly mountPoint: string;
}

export default verb({
  usage: "[flags] [CONTAINER...]",
  about: "buildah mount\n  mounts a working container's root filesystem for manipulation.\n\n  Note:  In rootless mode you need to first execute buildah unshare, to put you\n  into the usernamespace. Afterwards you can buildah mount the container and\n  view/modify the content in the containers root file system.\n",
  needs: "unshared",
  operands: ordered({ complete: workingNames }),
  interspersed: false,
  flags: {
    json: toggle({ help: "output in JSON format" }),
    notruncate: toggle({ help: "do not truncate output", hidden: true }),
  },
  examples: ["buildah mount", "buildah mount containerID", "buildah mount containerID1 containerID2", "", "In rootless mode you must use buildah unshare first.", "buildah unshare", "buildah mount containerID", ""],
  async run({ context, flags, operands }) {
    const { host } = context;
    const done: Shown[] = operands.length > 0 ? [] : mountedWorking(host).map(({ record, path }) => ({ container: record.name, mountPoint: path }));
    const say = ({ container, mountPoint }: Shown): void => {
      if (!flags.json) context.out(container === undefined ? mountPoint : `${container} ${mountPoint}`);
    };
    done.forEach(say);
    try {
      await eachOf(operands, async (name) => {
        let record;
        try {
          record = getWorking(host, name);
        } catch (thrown) {
          throw inFront(`reading build container ${JSON.stringify(name)}`, thrown);
        }
        const mountPoint = await mountWorking(host, record);
        done.push(operands.length > 1 ? { container: name, mountPoint } : { mountPoint });
        say(done.at(-1)!);
      }, context.err);
    } finally {
      if (flags.json) context.out(done.length === 0 ? "null" : goJson(done, { indent: "    " }));
    }
  },
});
