// buildah info: this host and its store.
// Source: buildah-info(1).

import { goJson } from "../../base/go-json.ts";
import { text, toggle } from "../../cli/flag.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { info } from "../../engine/info.ts";
import { workingContainers } from "../../engine/working/records.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";
import { builtFrom, compatibleBuildah } from "../version.ts";
import { showTemplate } from "./inspect.ts";

type Facts = Record<string, Record<string, unknown>>;

export default verb({
  usage: "[flags]",
  about: "\n  Display information about the host and current storage statistics which are useful when reporting issues.",
  operands: {
    check({ operands }) {
      if (operands.length > 0) throw refuse(`unknown command ${JSON.stringify(operands[0])} for "buildah info"`);
    },
  },
  flags: {
    debug: toggle({ short: "d", help: "display additional debug information" }),
    format: text({ value: "format", help: "use format as a Go template to format the output" }),
  },
  examples: ["buildah info"],
  async run({ context, flags }) {
    const facts: Record<string, unknown> = {
      ...(flags.debug ? { debug: { "buildah version": compatibleBuildah, compiler: "bun", "git commit": builtFrom(), "go version": `bun${Bun.version}` } } : {}),
      ...describe(await info(context.host) as Facts, workingContainers(context.host).length),
    };
    if (!flags.format) return context.out(goJson(facts, { indent: "    ", escapeHtml: !isTerminal(1) }));
    await showTemplate(context, flags.format, asMaps(facts));
  },
});

/** Buildah's names of what podman's info knows as well. */
function describe({ host = {}, store = {} }: Facts, containers: number): object {
  const distribution = host["distribution"] as { distribution?: string; version?: string } | undefined;
  return {
    host: {
      CgroupVersion: host["cgroupVersion"],
      Distribution: { distribution: distribution?.distribution ?? "unknown", version: distribution?.version ?? "unknown" },
      MemFree: host["memFree"], MemTotal: host["memTotal"],
      OCIRuntime: (host["ociRuntime"] as { name?: string } | undefined)?.name ?? "",
      SwapFree: host["swapFree"], SwapTotal: host["swapTotal"],
      arch: host["arch"], cpus: host["cpus"], hostname: host["hostname"], kernel: host["kernel"], os: host["os"],
      rootless: (host["security"] as { rootless?: boolean } | undefined)?.rootless ?? false,
      uptime: host["uptime"],
      variant: "",
    },
    store: {
      ContainerStore: { number: containers },
      GraphDriverName: store["graphDriverName"],
      GraphOptions: [],
      GraphRoot: store["graphRoot"],
      GraphStatus: store["graphStatus"],
      ImageStore: { number: (store["imageStore"] as { number?: number } | undefined)?.number ?? 0 },
      RunRoot: store["runRoot"],
    },
  };
}

/** Go's maps all the way down, as a template sees them. */
function asMaps(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, asMaps(inner)]));
}
