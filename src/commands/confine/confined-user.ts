// udica confined_user: writes NAME.cil for a user of the machine, and says what to do with it.
// Source: udica(8).

import { existsSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { Misuse, readArguments } from "../../cli/argparse.ts";
import { writeErr } from "../../cli/output.ts";
import { confinedUserPolicy, rights } from "../../security/udica/confined-user.ts";
import { userHelp, userOptions, UserMisuse } from "./options.ts";

const macros = "/usr/share/udica/macros/confined_user_macros.cil";

export function makeConfinedUser(args: readonly string[], out: (line: string) => void): number {
  const { flags, operands } = readOwn(args);
  if (flags.help) {
    out(userHelp().trimEnd());
    return 0;
  }
  const name = operands[1]!;
  const asked = rights.filter(right => flags[right]);
  try {
    writeFileSync(`${name}.cil`, confinedUserPolicy({ name, rights: new Set(asked), level: flags.level, range: flags.range }));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.code, thrown.message, { exit: 1, cause: thrown });
  }
  for (const line of nextSteps(name)) out(line);
  if (!existsSync(macros)) writeErr(`The macros are not on this machine: install the package that has ${macros} before you load the policy\n`);
  return 0;
}

function readOwn(args: readonly string[]) {
  try {
    return readArguments(args, userOptions, { operands: ["confined_user", "uname"] });
  } catch (thrown) {
    throw thrown instanceof Misuse ? new UserMisuse(thrown.message) : thrown;
  }
}

/** Scripts read these lines; the quotes are as they know them. */
function nextSteps(name: string): string[] {
  const users = "/etc/selinux/targeted/contexts/users";
  return [
    `Created ${name}.cil`,
    "Run the following commands to apply the new policy:",
    "Install the new policy module",
    `# semodule -i ${name}.cil ${macros}`,
    "Create a default context file for the new user",
    `# sed -e ’s|user|${name}|g’ ${users}/user_u > ${users}/${name}_u`,
    "Map the new selinux user to an existing user account",
    `# semanage login -a -s ${name}_u ${name}`,
    "Fix labels in the user's home directory",
    `# restorecon -RvF /home/${name}`,
  ];
}
