// Udica's options, those of a container's policy and those of a confined user, and their pages of help.
// Source: udica(8).

import { helpPage, Misuse, usageLine, type Page } from "../../cli/argparse.ts";
import { text, toggle } from "../../cli/flag.ts";

export const containerOptions = {
  help: toggle({ short: "h", help: "show this page" }),
  version: toggle({ short: "V", help: "show the version of udica whose behaviour this is" }),
  "container-id": text({ short: "i", value: "CONTAINERID", help: "the container to look at, by name or ID" }),
  json: text({ short: "j", value: "JSONFILE", help: "a file with what inspect says of the container, - for standard input" }),
  "full-network-access": toggle({ help: "allow all use of the network" }),
  "tty-access": toggle({ help: "allow the controlling terminal" }),
  "X-access": toggle({ help: "allow the X server" }),
  "virt-access": toggle({ help: "allow libvirt" }),
  "stream-connect": text({ short: "s", value: "STREAMCONNECT", help: "allow sockets of the policy of this name" }),
  "load-modules": toggle({ short: "l", help: "load the policy and the templates it needs, in one transaction" }),
  caps: text({ short: "c", value: "CAPS", help: "these capabilities, with commas, instead of those inspect names; none for none" }),
  devices: text({ value: "DEVICES", help: "these devices, with commas, instead of those inspect names" }),
  ansible: toggle({ short: "d", help: "write a playbook and an archive instead, to deploy the policy with" }),
  "append-rules": text({ short: "a", value: "FILEAVCS", help: "allow also what was denied, by the lines of this audit log" }),
  "container-engine": text({ short: "e", value: "CONTAINERENGINE", fallback: "-", help: "whose inspect it is: podman, CRI-O, docker, containerd; else it is detected" }),
  explain: toggle({ help: "write a comment before each rule that says what asked for it" }),
  check: toggle({ help: "compile the policy with this host's, and write it only if that succeeds" }),
  "engine-policy": toggle({ help: "load what this program itself needs on this host's policy, and label the program; no name is needed" }),
  watch: text({ value: "CONTAINER", help: "run copies of this container permissive until no run is denied anything new, and load the least policy for it" }),
  remove: toggle({ help: "remove the policy of this name from the host, and its file here" }),
} as const;

export const userOptions = {
  help: toggle({ short: "h", help: "show this page" }),
  admin_commands: toggle({ short: "a", help: "vipw, passwd and other commands of administration" }),
  graphical_login: toggle({ short: "g", help: "a graphical session" }),
  mozilla_usage: toggle({ short: "m", help: "the browser firefox" }),
  networking: toggle({ short: "n", help: "tools of the network such as ip, traceroute, tcpdump" }),
  security_advanced: toggle({ short: "d", help: "change SELinux: semanage, semodule, sepolicy" }),
  security_basic: toggle({ short: "i", help: "read SELinux: seinfo, getsebool, sesearch" }),
  sudo: toggle({ short: "s", help: "run commands as root by sudo" }),
  user_login: toggle({ short: "l", fallback: true, help: "what all users need, such as terminals; always on" }),
  ssh_connect: toggle({ short: "c", help: "connect over SSH" }),
  basic_commands: toggle({ short: "b", help: "date, ls, ps, man, systemctl --user and their like" }),
  level: text({ value: "LEVEL", fallback: "s0", help: 'level, by default "s0"' }),
  range: text({ value: "RANGE", fallback: "s0-s0:c0.c1023", help: 'range, by default "s0-s0:c0.c1023"' }),
} as const;

const containerPage: Page = {
  program: "udica [confined_user]",
  about: "Writes an SELinux policy for a container, from what inspect says of it.",
  operands: [["ContainerName", "the name of the policy"]],
  options: containerOptions,
  end: "also:\n  udica confined_user   writes the policy of a confined user; see udica confined_user --help",
};

const userPage: Page = {
  program: "udica",
  about: "Writes an SELinux policy for a confined user.",
  operands: [["confined_user", "this word"], ["uname", "the name of the user"]],
  options: userOptions,
};

export const containerHelp = (): string => helpPage(containerPage);
export const userHelp = (): string => helpPage(userPage);

/** Of the line that was misused. */
export class UserMisuse extends Misuse {}

export function usageOf(misuse: Misuse): string {
  const page = misuse instanceof UserMisuse ? userPage : containerPage;
  return `${usageLine(page)}${page.program}: error: ${misuse.message}\n`;
}
