// Packages of another Debian suite, fetched by apt with a state of its own: the host's packages are neither asked nor touched.
// Source: apt.conf(5), apt-get(8), dpkg-deb(1). Signatures are checked by apt, by the host's keys.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";

const callMs = 300_000;

const keyRing = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The mirror that apt has for this machine's own suite; Debian's usual one where it has none. */
export function mirrorOf(targets: string, codename: string): string {
  for (const line of targets.split("\n")) {
    const [uri = "", suite, component] = line.split("|");
    if (suite === codename && component === "main" && uri !== "") return uri;
  }
  return "http://deb.debian.org/debian";
}

function hostMirror(): string {
  const { status, text } = spawnSync([needProgram("apt-get", "apt"), "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"]);
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
  return mirrorOf(status === 0 ? text() : "", codename);
}

/** How the host's apt reaches the net (proxies and the like), without its hooks. */
function hostAcquire(): string {
  const dumped = spawnSync([needProgram("apt-config", "apt"), "dump"]);
  return dumped.text().split("\n").filter(line => line.startsWith("Acquire::") && !line.startsWith("Acquire::Languages")).join("\n");
}

/** An apt that knows one suite and an empty machine. Answers how to call it. */
function privateApt(work: string, suite: string): NodeJS.ProcessEnv {
  for (const folder of ["lists/partial", "cache/archives/partial", "parts", "log"]) mkdirSync(`${work}/apt/${folder}`, { recursive: true, mode: 0o755 });
  const keys = existsSync(keyRing) ? `[signed-by=${keyRing}] ` : "";
  writeFileSync(`${work}/apt/status`, "");
  writeFileSync(`${work}/apt/sources.list`, `deb ${keys}${hostMirror()} ${suite} main\n`);
  writeFileSync(`${work}/apt/apt.conf`, `${hostAcquire()}
Acquire::Languages "none";
Acquire::Retries "2";
APT::Install-Recommends "false";
Dir::Etc::parts "${work}/apt/parts";
Dir::Etc::sourcelist "${work}/apt/sources.list";
Dir::Etc::sourceparts "${work}/apt/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "${work}/apt/parts";
Dir::State "${work}/apt";
Dir::State::lists "${work}/apt/lists";
Dir::State::status "${work}/apt/status";
Dir::Cache "${work}/apt/cache";
Dir::Log "${work}/apt/log";
`);
  return { ...process.env, APT_CONFIG: `${work}/apt/apt.conf`, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
}

function must(argv: readonly string[], env: NodeJS.ProcessEnv, attempt: string): void {
  const ran = spawnSync(argv, { env, timeoutMs: callMs });
  if (ran.status === 0) return;
  const lines = `${ran.complaint()}\n${ran.text()}`.split("\n").filter(line => /^[EW]:/.test(line));
  throw new Fault("component.failed", `cannot ${attempt}: ${lines[0] ?? ran.complaint().split("\n").at(-1) ?? `status ${ran.status}`}`, {
    hint: "see that the Debian mirror of /etc/apt can be reached, and that debian-archive-keyring is up to date",
  });
}

/** Packages with all they need, unpacked below `work`/tree; nothing is installed. */
export function unpackPackages(work: string, suite: string, packages: readonly string[]): string {
  const env = privateApt(work, suite);
  const apt = needProgram("apt-get", "apt");
  must([apt, "update", "-q"], env, `read the package lists of Debian ${suite}`);
  must([apt, "install", "-y", "-q", "--download-only", ...packages], env, `fetch ${packages.join(", ")} of Debian ${suite}`);
  const tree = `${work}/tree`;
  mkdirSync(tree);
  const archives = `${work}/apt/cache/archives`;
  for (const name of readdirSync(archives).filter(entry => entry.endsWith(".deb"))) {
    must([needProgram("dpkg-deb", "dpkg"), "-x", `${archives}/${name}`, tree], env, `unpack ${name}`);
  }
  return tree;
}
