// udica --ansible: a playbook, its variables, and an archive of the policy with the templates it needs.
// Source: udica(8); the names of files and variables are those that deployments know.

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Policy } from "../../security/udica/policy.ts";
import { templatesPlace } from "../../security/udica/templates.ts";
import { tarEnd, tarHeader, tarPadding } from "../../storage/tar/writer.ts";
import playbook from "./deploy-module.yml" with { type: "text" };

const installed = "/usr/share/udica/ansible/deploy-module.yml";

export function writePlaybook({ name, templates }: Policy, out: (line: string) => void): void {
  const place = templatesPlace(templates);
  const module = `${name}.cil`;
  writeFileSync("deploy-module.yml", existsSync(installed) ? readFileSync(installed, "utf8") : playbook);
  const files = templates.map(template => `${template}.cil`);
  writeFileSync("variables-deploy-module.yml", `archive: ${name}-policy.tar.gz\npolicy: ${[module, ...files].join(" ")}\nfinal_policy: ${module}`);
  const parts = [...new Set(files)].map(file => entry(file, readFileSync(`${place}/${file}`))).concat(entry(module, readFileSync(module)));
  writeFileSync(`${name}-policy.tar.gz`, gzipSync(Buffer.concat([...parts, tarEnd()])));
  rmSync(module);
  out("\nAnsible playbook and archive with udica policies generated! \nPlease run ansible play to deploy the policy.");
}

function entry(name: string, data: Buffer): Buffer {
  const header = tarHeader({
    name, kind: "file", mode: 0o644, uid: 0, gid: 0, size: data.length, mtime: { sec: 0, nsec: 0 }, linkName: "",
    device: { major: 0, minor: 0 }, xattrs: undefined,
  });
  return Buffer.concat([header, data, tarPadding(data.length)]);
}
