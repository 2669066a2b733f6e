// buildah from: a working container over an image.
// Source: buildah-from(1).

import { writeFileSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import type { ContainerSpec } from "../../base/container-spec.ts";
import { log } from "../../base/log.ts";
import { fill, text, toggle } from "../../cli/flag.ts";
import { settleUsers } from "../../engine/users/settle.ts";
import { createWorking } from "../../engine/working/create.ts";
import { refuse } from "../container/written/refuse.ts";
import { progressOf } from "../pulling.ts";
import { prompter } from "../short-name-prompt.ts";
import { imageNames } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { addConfiguredForSteps } from "../container/configured.ts";
import { blobCache } from "../shared-flags.ts";
import { ordered } from "./operands.ts";
import { decryptionKey, formatOf, platformFlags, pullPolicyOf, registryFlags, retryFlags, systemOf } from "./registry-flags.ts";
import { fromFlags, isolationOf } from "./run-flags.ts";

const pullHelp = "pull images from the registry values:\nalways: pull images even if the named images are present in store,\n" +
  "missing: pull images if the named images are not present in store,\nnever: only use images present in store if available,\n" +
  "newer: only pull images when newer images exist on the registry than those in the store.";

const flags = {
  ...registryFlags,
  ...retryFlags,
  ...platformFlags,
  ...fromFlags,
  blobCache,
  cidfile: text({ help: "write the container ID to the file" }),
  decryptionKey,
  format: text({ short: "f", value: "format", help: "format of the image manifest and metadata", shown: '"oci"' }),
  name: text({ value: "name", help: "name for the working container" }),
  pull: text({ help: pullHelp, fallback: "missing", bare: "always" }),
  pullAlways: toggle({ help: "pull the image even if the named image is present in store", hidden: true }),
  pullNever: toggle({ help: "do not pull the image, use the image present in store if available", hidden: true }),
  quiet: toggle({ short: "q", help: "don't output progress information when pulling images" }),
  suffix: text({ help: "suffix to add to intermediate containers", hidden: true }),
} as const;

export default verb({
  usage: "[flags] IMAGE",
  about: "\n  Creates a new working container, either from scratch or using a specified\n  image as a starting point.",
  operands: ordered({ missing: 'an image name (or "scratch") must be specified', most: 1, complete: imageNames }),
  interspersed: false,
  flags,
  examples: ["buildah from --pull imagename", "buildah from docker-daemon:imagename:imagetag", 'buildah from --name "myimagename" myregistry/myrepository/imagename:imagetag'],
  async run(call) {
    const { context, flags: asked, given, operands } = call;
    const system = systemOf(context, asked, given);
    if (asked.platform.length > 1) log.warn(`ignoring platforms other than ${asked.platform[0]}: ${asked.platform.slice(1).join(" ")}`);
    const policy = pullPolicyOf(asked, given);
    const prompt = prompter();
    const run = specOf(call);
    const record = await createWorking(context.host, {
      image: operands[0]!,
      format: formatOf(asked.format),
      run,
      isolation: isolationOf(asked.isolation),
      cni: { configDir: asked.cniConfigDir ?? "", pluginPath: asked.cniPluginPath ?? "" },
      ...(asked.name ? { name: asked.name } : {}),
      ...(asked.suffix ? { suffix: asked.suffix } : {}),
      pull: { system, policy, onProgress: progressOf(context, asked.quiet), ...(prompt ? { prompt } : {}) },
    });
    if ((record.config.config?.OnBuild ?? []).length > 0) {
      const { runOnBuild } = await import("./on-build.ts");
      await runOnBuild(context, record, asked.quiet);
    }
    if (asked.cidfile) writeFileSync(asked.cidfile, record.id, { mode: 0o644 });
    context.out(record.name);
  },
});

function specOf({ context, flags: asked, given }: VerbCall<typeof flags>): ContainerSpec {
  const spec: ContainerSpec = {};
  if (asked.dns.includes("none") && asked.dns.length > 1) throw refuse("invalid --dns, --dns=none may not be used with any other --dns options");
  if (asked.dns.includes("none") && given.has("dnsSearch")) throw refuse("invalid --dns-search, --dns-search may not be used with --dns=none");
  if (asked.dns.includes("none") && given.has("dnsOption")) throw refuse("invalid --dns-option, --dns-option may not be used with --dns=none");
  fill(flags, { flags: asked, given }, spec);
  addConfiguredForSteps(spec, context.host);
  const { defaultMountsFile } = context.host.options;
  if (defaultMountsFile) spec.defaultMountsFile = resolvePath(defaultMountsFile);
  return settleUsers(context.host, spec);
}
