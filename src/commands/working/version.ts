// buildah version: which Buildah we stand for, and what we are.
// Source: buildah-version(1).

import * as fs from "node:fs";
import { goJson } from "../../base/go-json.ts";
import { ansic } from "../../base/time.ts";
import { toggle } from "../../cli/flag.ts";
import { hostPlatform } from "../../image/platform.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";
import { builtAt, builtFrom, compatibleBuildah } from "../version.ts";

export default verb({
  usage: "[flags]",
  about: "Displays Buildah version information.",
  operands: {
    check({ operands }) {
      if (operands.length > 0) throw refuse(`unknown command ${JSON.stringify(operands[0])} for "buildah version"`);
    },
  },
  flags: { json: toggle({ help: "output in JSON format" }) },
  examples: ["buildah version"],
  needs: "nothing",
  run({ flags, context }) {
    const { os, architecture } = hostPlatform();
    const facts = {
      version: compatibleBuildah,
      goVersion: `bun${Bun.version}`,
      imageSpec: "1.1.1",
      runtimeSpec: "1.2.1",
      cniSpec: "",
      libcniVersion: "",
      imageVersion: "5.39.2",
      gitCommit: builtFrom(),
      built: ansic((builtAt() ?? Math.floor(fs.statSync(process.execPath).mtimeMs / 1000)) * 1000),
      osArch: `${os}/${architecture}`,
      buildPlatform: `${os}/${architecture}`,
    };
    if (flags.json) return context.out(goJson(facts, { indent: "    " }));
    const names = ["Version", "Go Version", "Image Spec", "Runtime Spec", "CNI Spec", "libcni Version", "image Version", "Git Commit", "Built", "OS/Arch", "BuildPlatform"];
    for (const [at, value] of Object.values(facts).entries()) context.out(`${`${names[at]}:`.padEnd(16)} ${value}`);
  },
});
