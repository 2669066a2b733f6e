// A child in a user namespace of its own, for tests; it ends with its scope.

import { writeFileSync } from "node:fs";

/** `map` such as "0 100000 65536", written for users and groups. */
export async function spawnInUserNamespace(map: string): Promise<Disposable & { readonly pid: number }> {
  const child = Bun.spawn(["unshare", "--user", "sh", "-c", "echo ready; exec sleep 60"], { stdout: "pipe" });
  await child.stdout.getReader().read();
  for (const kind of ["uid", "gid"]) writeFileSync(`/proc/${child.pid}/${kind}_map`, `${map}\n`);
  return { pid: child.pid, [Symbol.dispose]: () => child.kill("SIGKILL") };
}
