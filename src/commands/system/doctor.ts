// podman doctor: what on this machine makes commands fail, each with its evidence and the one next command.

import { Fault } from "../../base/fault.ts";
import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { examine, mend, type Diagnosis, type Examined, type Mended } from "../../engine/doctor/doctor.ts";
import type { Scene } from "../../engine/doctor/finding.ts";
import { openHost, type Host, type HostOptions } from "../../engine/host.ts";
import { hostOptions } from "../invocation.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "Look for what makes commands fail on this machine\n\n  Looks at the kernel, limits, configuration files, control groups, programs and their versions, subordinate IDs, the store, networks and registries.\n" +
    "  Changes nothing without --fix. Leaves with 1 where something is wrong that stops everyday commands.\n",
  operands: none(),
  // It must work where no user namespace can be made and no store be opened.
  needs: "nothing",
  flags: {
    fix: toggle({ help: "Mend what can be mended without losing anything" }),
    format: text({ value: "FORMAT", help: 'Change the output format ("json")', complete: () => ["json"] }),
  },
  examples: ["podman doctor", "podman doctor --fix", "podman doctor --format json"],
  async run({ context, flags }) {
    if (flags.format !== undefined && flags.format !== "json") throw new Fault("usage.invalid", `unknown --format value ${JSON.stringify(flags.format)}`, { hint: "use --format json, or leave it out" });
    const options = { ...hostOptions(context.globals, context.globalsGiven), ownsProcess: false };
    const look = () => examine(sceneOf(options));
    let examined = await look();
    const mended = flags.fix ? await mend(examined.findings) : [];
    if (mended.length > 0) examined = await look();
    if (flags.format === "json") context.out(JSON.stringify(asJson(examined, mended), undefined, 2));
    else tell(examined, mended, context.out);
    return examined.findings.some(({ severity }) => severity === "error") ? 1 : 0;
  },
});

/** The host is opened when it is asked for: what stands in its way is what we look for. */
function sceneOf(options: HostOptions): Scene {
  let host: Host | undefined;
  return {
    get host() { return (host ??= openHost(options)); },
    imageSystem: options.registriesConf ? { registriesConf: options.registriesConf } : {},
    isUser: process.geteuid!() !== 0, modules: options.modules ?? [], env: process.env,
  };
}

const asJson = ({ findings, well, passedOver }: Examined, mended: readonly Mended[]) => ({
  findings: findings.map(({ code, severity, evidence, next, fix }) => ({ code, severity, evidence, next, canFix: fix !== undefined })),
  mended,
  well: well.map(({ code }) => code),
  passedOver: passedOver.map(({ code }) => code),
});

function tell({ findings, well, passedOver }: Examined, mended: readonly Mended[], out: (line: string) => void): void {
  for (const { code, reason } of mended) out(reason === undefined ? `mended: ${code}` : `cannot mend ${code}: ${reason}`);
  for (const finding of findings) for (const line of linesOf(finding)) out(line);
  const count = (severity: string): number => findings.filter(one => one.severity === severity).length;
  const errors = count("error");
  const warnings = count("warning");
  out(`${well.length} checks are well, ${errors} ${errors === 1 ? "error" : "errors"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}${passedOver.length > 0 ? `, ${passedOver.length} passed over until these are mended` : ""}`);
}

const linesOf = ({ code, severity, evidence, next, fix }: Diagnosis): string[] =>
  [`${severity}: ${code}`, `  ${evidence}`, `  next: ${next}${fix ? "   (or: podman doctor --fix)" : ""}`, ""];
