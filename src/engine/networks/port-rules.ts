// The firewall rules that lead published ports to a container: they can be taken away alone and at once, the rest of its network later (leaving.ts).
// Source: netavark's table "netavark" of nftables, or its chains in iptables' tables "nat".

import { log } from "../../base/log.ts";
import { attributesOf, nftRules, type NftExpression, type NftRule } from "../../kernel/nftables.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

/** Where it keeps them; the two last by way of iptables. */
const tables = [{ family: "inet", table: "netavark" }, { family: "ip", table: "nat" }, { family: "ip6", table: "nat" }] as const;
const entrance = "NETAVARK-HOSTPORT-DNAT";
const tcp = 6;
/** What a "meta" or "payload" takes, in its attributes 2, 3 and 4. */
const protocols = ["meta 16 0 0", "payload 1 9 1"];
const destinationPort = "payload 2 2 2";

/** Those whose rules are plain enough to be known again; nobody else has the same port meanwhile, on any address. */
export const hasPlainPorts = (host: Host, { spec }: ContainerRecord): boolean =>
  !host.rootless && spec.network?.networks?.length === 1
  && (spec.ports ?? []).every(({ protocol, hostIp, range }) => protocol === "tcp" && hostIp === "" && range === 1);

const numberOf = (bytes: Uint8Array | undefined): number => [...bytes ?? []].reduce((value, byte) => value * 256 + byte, 0);
const part = (bytes: Uint8Array | undefined, number: number): Uint8Array | undefined => bytes && new Map(attributesOf(bytes)).get(number);
const comparedWith = (expression: NftExpression | undefined): number | undefined =>
  expression?.name === "cmp" && numberOf(expression.attributes.get(2)) === 0 ? numberOf(part(expression.attributes.get(3), 1)) : undefined;

/** The TCP port that a rule is for. */
function portOf({ expressions }: NftRule): number | undefined {
  const taken = expressions.map(({ name, attributes }) => `${name} ${[2, 3, 4].map(number => numberOf(attributes.get(number))).join(" ")}`);
  const at = taken.indexOf(destinationPort);
  const isTcp = taken.some((what, index) => protocols.includes(what) && comparedWith(expressions[index + 1]) === tcp);
  return isTcp && at >= 0 ? comparedWith(expressions[at + 1]) : undefined;
}

/** The chain that a rule jumps to. */
function targetOf({ expressions }: Pick<NftRule, "expressions">): string | undefined {
  const last = expressions.at(-1);
  const chain = last?.name === "immediate" ? part(part(last.attributes.get(2), 2), 2) : undefined;
  return chain && new TextDecoder().decode(chain.subarray(0, -1));
}

/** Those of a container's ports; undefined where another firewall is in use, or they look otherwise than we know. */
export function findPortRules({ id, spec: { ports = [] } }: ContainerRecord): NftRule[] | undefined {
  try {
    const isOurs = (rule: NftRule): boolean => ports.some(({ hostPort }) => hostPort === portOf(rule));
    const jumps = tables.flatMap(table => nftRules({ ...table, chain: entrance }).filter(isOurs));
    const chains = new Map(jumps.flatMap(({ family, table, ...rule }) => {
      const chain = targetOf(rule);
      return chain === undefined ? [] : [[`${family} ${chain}`, { family, table, chain }] as const];
    }));
    const leading = [...chains.values()].flatMap(chain => nftRules(chain).filter(isOurs));
    const isWhole = ports.every(({ hostPort }) => [jumps, leading].every(rules => rules.some(rule => portOf(rule) === hostPort)));
    return isWhole ? [...jumps, ...leading] : undefined;
  } catch (thrown) {
    log.debug(`looking for the firewall rules of container ${id}: ${(thrown as Error).message}`);
    return undefined;
  }
}
