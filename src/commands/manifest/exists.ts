// manifest exists: status 0 when there is a manifest list of that name, 1 when not.
// Source: podman-manifest-exists(1).

import { exactly } from "../../cli/operands.ts";
import { findList } from "../../image/manifest-list.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "MANIFEST",
  about: "If the manifest list exists in local storage, podman manifest exists exits with 0, otherwise the exit code will be 1.",
  operands: exactly(1, imageNames),
  flags: {},
  examples: ["podman manifest exists mylist", "podman manifest exists quay.io/buildah/stable || podman manifest create mylist"],
  run: ({ context, operands }) => (findList(context.host.store, operands[0]!, context.host.imageSystem) ? 0 : 1),
});
