// podman port: where the ports of containers are published.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { get, latest as latestOf } from "../../engine/containers/lookup.ts";
import { ports, type PublishedPort } from "../../engine/containers/ports.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

const flags = { all: toggle({ short: "a", help: "Display port information for all containers" }), latest } as const;

export default verb({
  looks: true,
  usage: "[options] CONTAINER [PORT]",
  about: "List port mappings for the CONTAINER, or look up the public-facing port that is NAT-ed to the PRIVATE_PORT",
  operands: any(allContainers),
  flags,
  examples: ["podman port --all", "podman port ctrID 80/tcp"],
  run(call) {
    const { context } = call;
    const { names, wanted } = read(call);
    let found = 0;
    for (const name of names) {
      const rows = ports(context.host, name).filter((row) => wanted === undefined || matches(row, wanted));
      for (const row of rows) context.out(lineOf(row, wanted !== undefined, call.flags.all));
      found += rows.length;
    }
    if (wanted !== undefined && found === 0) throw refuse(`failed to find published port "${call.operands.at(-1)}"`);
  },
});

function read({ context, flags: asked, operands }: VerbCall<typeof flags>): { names: string[]; wanted?: string } {
  if (asked.all && (asked.latest || operands.length > 0)) throw refuse("--all and --latest or containers cannot be used together");
  if (asked.all) return { names: context.host.state.containers().map(({ id }) => id) };
  const rest = asked.latest ? operands : operands.slice(1);
  if (!asked.latest && operands.length === 0) throw refuse("you must supply a running container name or id");
  if (rest.length > 1) throw refuse(`too many arguments: accepts at most 2, received ${operands.length}`);
  const name = asked.latest ? latestOf(context.host).id : get(context.host, operands[0]!).id;
  const [port] = rest;
  if (port === undefined) return { names: [name] };
  if (!/^\d+(\/(tcp|udp|sctp))?$/i.test(port)) throw refuse(`cannot look up port "${port}": not PORT[/PROTOCOL]`);
  return { names: [name], wanted: port.includes("/") ? port.toLowerCase() : `${port}/tcp` };
}

const matches = (row: PublishedPort, wanted: string): boolean => `${row.containerPort}/${row.protocol}` === wanted;

function lineOf(row: PublishedPort, isOne: boolean, withId: boolean): string {
  const ip = row.hostIp === "" ? "0.0.0.0" : row.hostIp;
  const where = `${ip.includes(":") ? `[${ip}]` : ip}:${row.hostPort}`;
  if (isOne) return where;
  return `${withId ? `${row.id.slice(0, 12)}\t` : ""}${row.containerPort}/${row.protocol} -> ${where}`;
}
