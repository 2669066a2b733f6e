// podman volume create.

import { natural, text, texts, toggle } from "../../cli/flag.ts";
import { atMost } from "../../cli/operands.ts";
import { createVolume } from "../../engine/volumes/volumes.ts";
import { readLabels } from "../container/written/environment.ts";
import { cut } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] [NAME]",
  about: 'If using the default driver, "local", the volume will be created on the host in the volumes directory under container storage.',
  operands: atMost(1),
  flags: {
    driver: text({ short: "d", help: "Specify volume driver name", fallback: "local" }),
    gid: natural({ value: "int", help: "Set the GID of the volume owner" }),
    ignore: toggle({ help: "Don't fail if volume already exists" }),
    label: texts({ short: "l", help: "Set metadata for a volume", shown: "[]" }),
    opt: texts({ short: "o", help: "Set driver specific options", shown: "[]" }),
    uid: natural({ value: "int", help: "Set the UID of the volume owner" }),
  },
  examples: ["podman volume create myvol", "podman volume create", "podman volume create --label foo=bar myvol"],
  run({ context, flags, operands }) {
    const options = Object.fromEntries(flags.opt.map((line) => cut(line)).map(([name, value]) => [name, value ?? ""]));
    const volume = createVolume(context.host, {
      ...(operands[0] === undefined ? {} : { name: operands[0] }),
      driver: flags.driver,
      labels: readLabels(flags.label),
      options,
      ignore: flags.ignore,
      ...(flags.uid === undefined ? {} : { uid: flags.uid }),
      ...(flags.gid === undefined ? {} : { gid: flags.gid }),
    });
    context.out(volume.name);
  },
});
