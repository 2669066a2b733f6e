// buildah config: what an image made from a working container starts with, and what is said of it.
// Source: buildah-config(1).

import { list, text, texts, toggle, whole } from "../../cli/flag.ts";
import { changeWorking, getWorking } from "../../engine/working/records.ts";
import { verb } from "../verb.ts";
import { changeConfig } from "./config-changes.ts";
import { inFront, ordered, workingNames } from "./operands.ts";

export const configFlags = {
  addHistory: toggle({ help: "add an entry for this operation to the image's history.  Use BUILDAH_HISTORY environment variable to override. (default false)" }),
  annotation: texts({ short: "a", value: "annotation", help: "add annotation e.g. annotation=value, for the target image (default [])" }),
  arch: text({ value: "architecture", help: "set architecture of the target image" }),
  author: text({ value: "information", help: "set image author contact information" }),
  cmd: text({ value: "command", help: "set the default command to run for containers based on the image" }),
  comment: text({ value: "comment", help: "set a comment in the target image" }),
  createdBy: text({ value: "description", help: "set description of how the image was created" }),
  domainname: text({ value: "name", help: "set a domain name for containers based on image" }),
  entrypoint: text({ value: "entry point", help: "set entry point for containers based on image" }),
  env: texts({ secret: "value", short: "e", value: "environment variable", help: "add environment variable to be set when running containers based on image (default [])" }),
  healthcheck: text({ value: "healthcheck", help: "set a healthcheck command for the target image" }),
  healthcheckInterval: text({ value: "interval", help: "set the interval between runs of the `healthcheck` command for the target image" }),
  healthcheckRetries: whole({ value: "number", help: "set the number of times the `healthcheck` command has to fail" }),
  healthcheckStartInterval: text({ help: "set the time between health checks during the start period. Only available with format `docker`" }),
  healthcheckStartPeriod: text({ value: "time", help: "set the amount of time to wait after starting a container before a failed `healthcheck` command will count as a failure" }),
  healthcheckTimeout: text({ value: "time", help: "set the maximum amount of time to wait for a `healthcheck` command for the target image" }),
  historyComment: text({ value: "comment", help: "set a comment for the history of the target image" }),
  hostname: text({ value: "name", help: "set a hostname for containers based on image" }),
  label: texts({ short: "l", value: "label", help: "add image configuration label e.g. label=value" }),
  onbuild: list({ help: "add onbuild command to be run on images based on this image. Only supported on 'docker' formatted images" }),
  os: text({ value: "operating system", help: "set operating system of the target image" }),
  osFeature: texts({ value: "feature", help: "set required OS feature for the target image" }),
  osVersion: text({ value: "version", help: "set required OS version for the target image" }),
  port: list({ short: "p", value: "port", help: "add port to expose when running containers based on image (default [])" }),
  shell: text({ value: "shell", help: "add shell to run in containers" }),
  stopSignal: text({ value: "stop signal", help: "set stop signal for containers based on image" }),
  unsetannotation: list({ help: "remove image configuration annotation" }),
  unsetlabel: list({ help: "remove image configuration label" }),
  user: text({ short: "u", value: "user", help: "set default user to run inside containers based on image" }),
  variant: text({ value: "variant", help: "set architecture variant of the target image" }),
  volume: list({ short: "v", value: "volume", help: "add default volume path to be created for containers based on image (default [])" }),
  workingdir: text({ value: "directory", help: "set working directory for containers based on image" }),
} as const;

export default verb({
  usage: "[flags] CONTAINER",
  about: "\n  Modifies the configuration values which will be saved to the image.",
  operands: ordered({ missing: "container ID must be specified", most: 1, complete: workingNames }),
  interspersed: false,
  flags: configFlags,
  examples: ["buildah config --author='Jane Austen' --workingdir='/etc/mycontainers' containerID", "buildah config --entrypoint '[ \"/entrypoint.sh\", \"dev\" ]' containerID", "buildah config --env foo=bar --env PATH=$PATH containerID"],
  run({ context, flags, given, operands }) {
    const [name] = operands as [string];
    let id: string;
    try {
      ({ id } = getWorking(context.host, name));
    } catch (thrown) {
      throw inFront(`reading build container ${JSON.stringify(name)}`, thrown);
    }
    changeWorking(context.host, id, (before) => changeConfig(before, flags, given));
  },
});
