// Skopeo's own options, before or after the verb.
// Source: skopeo(1), "OPTIONS".

import { files } from "../../cli/complete.ts";
import { duration, text, toggle } from "../../cli/flag.ts";

export const globals = {
  commandTimeout: duration({ help: "timeout for the command execution" }),
  debug: toggle({ help: "enable debug output" }),
  help: toggle({ short: "h", help: "help for skopeo" }),
  insecurePolicy: toggle({ help: "run the tool without any policy check" }),
  overrideArch: text({ value: "ARCH", help: "use ARCH instead of the architecture of the machine for choosing images" }),
  overrideOs: text({ value: "OS", help: "use OS instead of the running OS for choosing images" }),
  overrideVariant: text({ value: "VARIANT", help: "use VARIANT instead of the running architecture variant for choosing images" }),
  policy: text({ help: "Path to a trust policy file", complete: files }),
  registriesConf: text({ help: "path to the registries.conf file", hidden: true, complete: files }),
  "registries.d": text({ value: "DIR", help: "use registry configuration files in DIR (e.g. for container signature storage)", complete: files }),
  tlsVerify: toggle({ help: "Require HTTPS and verify certificates when accessing the registry", hidden: true }),
  tmpdir: text({ help: "directory used to store temporary files", complete: files }),
  userAgentPrefix: text({ help: "prefix to add to the user agent string" }),
  version: toggle({ short: "v", help: "Version for Skopeo" }),
} as const;

export type SkopeoGlobals = typeof globals;

/** Those that may also stand after the verb. */
export const inheritedGlobals = (): ReadonlySet<string> =>
  new Set(Object.keys(globals).filter((key) => key !== "version" && key !== "tlsVerify"));
