// The filters of ps, start, stop, kill, rm, prune …: "key=value" texts to a question about a container.
// Source: podman-ps(1), "--filter".

import { Fault } from "../../base/fault.ts";
import { parseRfc3339 } from "../../base/time.ts";
import type { Host } from "../host.ts";
import { momentNs } from "../moments.ts";
import type { ContainerRecord } from "../state/state.ts";
import { get, find } from "./lookup.ts";
import { observe } from "./observe.ts";

type Test = (record: ContainerRecord) => boolean;
type Maker = (host: Host, values: readonly string[]) => Test;

/** @throws Fault "usage.invalid" where the text is no regular expression */
export function regex(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new Fault("usage.invalid", `cannot use "${text}" as a filter: not a regular expression`, { cause });
  }
}

/** Hex only is a prefix, in any case; anything else a regular expression. */
export function idTest(values: readonly string[]): (id: string) => boolean {
  const tests = values.map(value => {
    const lower = value.toLowerCase();
    if (/^[0-9a-f]+$/.test(lower)) return (id: string) => id.startsWith(lower);
    const pattern = regex(value);
    const lowerPattern = regex(lower);
    return (id: string) => pattern.test(id) || lowerPattern.test(id);
  });
  return id => tests.some(test => test(id));
}

/** All of "key" or "key=value" must be there; "key*" matches keys that start so. */
export function labelTest(values: readonly string[]): (labels: Readonly<Record<string, string>>) => boolean {
  return labels => values.every(wanted => {
    const equals = wanted.indexOf("=");
    const key = equals < 0 ? wanted : wanted.slice(0, equals);
    const value = equals < 0 ? undefined : wanted.slice(equals + 1);
    const isKey = key.endsWith("*") ? (name: string) => name.startsWith(key.slice(0, -1)) : (name: string) => name === key;
    return Object.entries(labels).some(([name, has]) => isKey(name) && (value === undefined || value === has));
  });
}

const statuses = ["created", "initialized", "running", "stopped", "paused", "exited", "unknown", "removing", "stopping"];
const policies = ["none", "no", "on-failure", "always", "unless-stopped"];

function statusTest(host: Host, values: readonly string[]): Test {
  for (const value of values) {
    if (!statuses.includes(value)) throw new Fault("usage.invalid", `unknown container state: ${value}: invalid argument`);
  }
  const wanted = new Set(values.map(value => value === "stopped" ? "exited" : value));
  return record => {
    const { status } = observe(host, record).state;
    return wanted.has(status === "stopped" ? "exited" : status);
  };
}

function exitedTest(host: Host, values: readonly string[]): Test {
  const codes = values.map(value => {
    if (/^-?\d{1,9}$/.test(value)) return Number(value);
    throw new Fault("usage.invalid", `exited code out of range ${JSON.stringify(value)}: invalid syntax`);
  });
  return record => {
    const { status, exitCode } = observe(host, record).state;
    return (status === "exited" || status === "stopped") && codes.includes(exitCode ?? 0);
  };
}

const createdNs = (record: ContainerRecord): bigint => parseRfc3339(record.state.createdAt) ?? 0n;

function ageTest(isOlder: boolean): Maker {
  return (host, values) => {
    const bound = values.map(value => createdNs(get(host, value))).reduce((least, at) => at < least ? at : least);
    return record => isOlder ? createdNs(record) < bound : createdNs(record) > bound;
  };
}

function ancestorTest(_host: Host, values: readonly string[]): Test {
  const patterns = values.map(value => ({ value, pattern: regex(value) }));
  return ({ spec }) => {
    const name = spec.imageReference ?? spec.imageName ?? "";
    const colon = name.lastIndexOf(":");
    const untagged = colon > name.lastIndexOf("/") && name.slice(colon + 1) === "latest" ? name.slice(0, colon) : undefined;
    return patterns.some(({ value, pattern }) =>
      (spec.imageId ?? "").includes(value) || pattern.test(name) || (untagged !== undefined && pattern.test(untagged)));
  };
}

function volumeTest(_host: Host, values: readonly string[]): Test {
  return ({ spec }) => (spec.mounts ?? []).some(mount => values.some(value => {
    const colon = value.indexOf(":");
    const source = colon < 0 ? value : value.slice(0, colon);
    const target = colon < 0 ? "" : value.slice(colon + 1);
    if (target !== "") return mount.source === source && mount.target === target;
    return mount.kind === "volume" ? mount.source === source || mount.target === source : mount.target === source;
  }));
}

function networkTest(host: Host, values: readonly string[]): Test {
  return ({ spec }) => values.some(value => {
    if (spec.network?.mode === "container") {
      return value.startsWith("container:") && find(host, value.slice(10))?.id === spec.network.target;
    }
    return (spec.network?.networks ?? []).some(({ network }) => network === value);
  });
}

function policyTest(_host: Host, values: readonly string[]): Test {
  const wrong = values.filter(value => !policies.includes(value));
  if (wrong.length > 0) {
    throw new Fault("usage.invalid", `${wrong.join(", ")} invalid restart ${wrong.length > 1 ? "policies" : "policy"}`);
  }
  return ({ spec }) => {
    const policy = spec.restart?.policy ?? "";
    return values.some(value => value === policy || (value === "none" && policy === ""));
  };
}

function untilTest(_host: Host, values: readonly string[]): Test {
  if (values.length > 1) throw new Fault("usage.invalid", "specify exactly one timestamp for until");
  const bound = momentNs(values[0]!);
  return record => createdNs(record) < bound;
}

function bootTest(_host: Host, values: readonly string[]): Test {
  const wanted = values.map(value => {
    if (/^(1|t|true)$/i.test(value)) return true;
    if (/^(0|f|false)$/i.test(value)) return false;
    throw new Fault("usage.invalid", `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
  }).at(-1);
  return ({ spec, state }) => {
    const policy = spec.restart?.policy;
    return (policy === "always" || (policy === "unless-stopped" && !state.stoppedByUser)) === wanted;
  };
}

const makers: Readonly<Record<string, Maker>> = {
  id: (_host, values) => {
    const test = idTest(values);
    return ({ id }) => test(id);
  },
  name: (_host, values) => {
    const patterns = values.map(value => regex(value.replaceAll("/", "")));
    return ({ name }) => patterns.some(pattern => pattern.test(name));
  },
  label: (_host, values) => {
    const test = labelTest(values);
    return ({ spec }) => test(spec.labels ?? {});
  },
  "label!": (_host, values) => {
    const test = labelTest(values);
    return ({ spec }) => !test(spec.labels ?? {});
  },
  status: statusTest,
  exited: exitedTest,
  ancestor: ancestorTest,
  before: ageTest(true),
  since: ageTest(false),
  volume: volumeTest,
  network: networkTest,
  health: (_host, values) => ({ state }) => values.includes(state.health?.status ?? ""),
  until: untilTest,
  pod: (_host, values) => ({ spec }) => spec.pod !== undefined && values.some(value => spec.pod!.startsWith(value)),
  "restart-policy": policyTest,
  command: (_host, values) => {
    const patterns = values.map(regex);
    return ({ spec }) => patterns.some(pattern => pattern.test(spec.argv?.[0] ?? ""));
  },
  "should-start-on-boot": bootTest,
};

export const containerFilterNames = (): string[] => Object.keys(makers);

/** "key=value" texts by key. @throws Fault "usage.invalid" */
export function groupFilters(filters: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const filter of filters) {
    const equals = filter.indexOf("=");
    if (equals < 0) throw new Fault("usage.invalid", `invalid filter ${JSON.stringify(filter)}: must be in the format of "filter=value"`);
    const negated = filter[equals - 1] === "!";
    const key = filter.slice(0, negated ? equals - 1 : equals) + (negated ? "!" : "");
    groups.set(key, [...(groups.get(key) ?? []), filter.slice(equals + 1)]);
  }
  return groups;
}

/** Those that pass every key; the values of one key are alternatives. @throws Fault "usage.invalid" */
export function matches(host: Host, records: readonly ContainerRecord[], filters: readonly string[]): ContainerRecord[] {
  const tests = [...groupFilters(filters)].map(([key, values]) => {
    const maker = Object.hasOwn(makers, key) ? makers[key] : undefined;
    if (!maker) throw new Fault("usage.invalid", `${key} is an invalid filter`);
    return maker(host, values);
  });
  return records.filter(record => tests.every(test => test(record)));
}
