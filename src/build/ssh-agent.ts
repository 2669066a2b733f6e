// An agent of a build's own for keys that --ssh names by their files; it lives as long as the step that may use them.
// Source: ssh-agent(1), ssh-add(1); buildah-build(1), "--ssh".

import { existsSync, readFileSync } from "node:fs";
import { Fault, reasonOf } from "../base/fault.ts";
import { needProgram, spawn, spawnSync } from "../base/spawn.ts";

const startMsMax = 5_000;
const keyBytesMax = 64 * 1024;

/** Makes the socket at `socket`; what is given ends the agent. @throws Fault for a key that cannot be read or is locked */
export async function agentFor(keys: readonly string[], socket: string): Promise<() => void> {
  const texts = keys.map(readKey);
  const add = needProgram("ssh-add", "openssh-client");
  const agent = spawn([needProgram("ssh-agent", "openssh-client"), "-D", "-a", socket]);
  try {
    const end = Date.now() + startMsMax;
    while (!existsSync(socket)) {
      if (Date.now() > end) throw new Fault("component.failed", "ssh-agent did not start");
      await Bun.sleep(5);
    }
    for (const [at, text] of texts.entries()) {
      const added = spawnSync([add, "-q", "-"], { stdin: text, env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: "never", DISPLAY: undefined }, timeoutMs: startMsMax });
      if (added.status !== 0) throw new Fault("build.failed", `cannot forward the ssh key ${JSON.stringify(keys[at])}: ${added.complaint() || "ssh-add refused it"}`, { hint: "a key with a passphrase has to be in an agent: ssh-add FILE" });
    }
  } catch (thrown) {
    agent.kill();
    throw thrown;
  }
  return () => agent.kill();
}

function readKey(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Fault("system.not-found", `cannot read the ssh key ${JSON.stringify(path)}: ${reasonOf(cause)}`, { cause });
  }
  if (bytes.length <= keyBytesMax) return bytes;
  throw new Fault("input.malformed", `cannot read the ssh key ${JSON.stringify(path)}: it has more than ${keyBytesMax} bytes`);
}
