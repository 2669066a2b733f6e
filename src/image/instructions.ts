// --change: single instructions of a Containerfile that alter an image's config.
// Source: podman-commit(1), podman-import(1), "--change".

import { Fault } from "../base/fault.ts";
import type { ImageDefaults } from "../base/oci-image.ts";
import { parseSignal } from "../base/signals.ts";

/** The config with the changes applied in turn; what they do not name stays. @throws Fault "usage.invalid" */
export function changeDefaults(defaults: ImageDefaults, changes: readonly string[]): ImageDefaults {
  return changes.reduce((changed, change) => applyChange(changed, change), defaults);
}

const invalid = (change: string, reason: string): Fault =>
  new Fault("usage.invalid", `invalid change ${JSON.stringify(change)} - ${reason}`, {
    hint: 'write it as INSTRUCTION VALUE, such as --change "CMD /bin/sh"',
  });

type Instruction = (before: ImageDefaults, value: string, change: string) => ImageDefaults;

function applyChange(before: ImageDefaults, change: string): ImageDefaults {
  const parts = /^([^ ]*?) (.*)$/s.exec(change) ?? /^([^=]*)=(.*)$/s.exec(change);
  if (parts === null) throw invalid(change, "must be formatted as KEY VALUE");
  const key = parts[1]!.trim().toUpperCase();
  const instruction = Object.hasOwn(instructions, key) ? instructions[key] : undefined;
  if (instruction === undefined) throw invalid(change, `invalid instruction ${key}`);
  return instruction(before, parts[2]!.trim(), change);
}

const instructions: Readonly<Record<string, Instruction>> = {
  USER: (before, value, change) => ({ ...before, User: given(value, change, "must provide a value to USER") }),
  EXPOSE: (before, value, change) => ({ ...before, ExposedPorts: { ...before.ExposedPorts, [port(value, change)]: {} } }),
  ENV: (before, value, change) => ({ ...before, Env: withVariable(before.Env ?? [], value, change) }),
  ENTRYPOINT: (before, value) => ({ ...before, Entrypoint: words(value) ?? (value === "" ? [] : ["/bin/sh", "-c", value]) }),
  CMD: (before, value) => ({ ...before, Cmd: words(value) ?? ["/bin/sh", "-c", ...(value === "" ? [] : [value])] }),
  VOLUME: (before, value, change) => ({ ...before, Volumes: { ...before.Volumes, ...volumes(value, change) } }),
  WORKDIR: (before, value, change) => ({ ...before, WorkingDir: joined(before.WorkingDir ?? "", given(value, change, "must provide a non-empty WORKDIR")) }),
  LABEL: (before, value, change) => ({ ...before, Labels: { ...before.Labels, ...label(value, change) } }),
  STOPSIGNAL: (before, value, change) => ({ ...before, StopSignal: signal(value, change) }),
  ONBUILD: (before, value, change) => ({ ...before, OnBuild: [...(before.OnBuild ?? []), given(value, change, "ONBUILD must be given an argument")] }),
};

function given(value: string, change: string, reason: string): string {
  if (value === "") throw invalid(change, reason);
  return value;
}

function port(value: string, change: string): string {
  const [number = "", protocol = "tcp", ...more] = value.split("/");
  if (more.length > 0) throw invalid(change, "EXPOSE port must be formatted as PORT[/PROTO]");
  if (!/^[+-]?\d+$/.test(number)) throw invalid(change, "EXPOSE port must be an integer");
  if (Number(number) < 1 || Number(number) > 65_535) throw invalid(change, "EXPOSE port must be a valid port number");
  if (!/^(tcp|udp)$/i.test(protocol)) throw invalid(change, "EXPOSE protocol must be TCP or UDP");
  return `${Number(number)}/${protocol.toLowerCase()}`;
}

const unquoted = (text: string): string => (text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text);

function pair(value: string): [string, string | undefined] {
  const equals = value.indexOf("=");
  return equals < 0 ? [unquoted(value), undefined] : [unquoted(value.slice(0, equals)), unquoted(value.slice(equals + 1))];
}

function withVariable(before: readonly string[], value: string, change: string): string[] {
  const [name, text = ""] = pair(value);
  if (name === "") throw invalid(change, "ENV must have at least one argument");
  const rest = before.filter(variable => !variable.startsWith(`${name}=`));
  return [...rest, `${name}=${text}`];
}

function label(value: string, change: string): Record<string, string> {
  const [name, text] = pair(value);
  if (text === undefined) throw invalid(change, "LABEL must be formatted key=value");
  if (name === "") throw invalid(change, "LABEL must have a non-empty key");
  return { [name]: text };
}

/** A JSON list of texts; undefined where it is none. */
function words(value: string): string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) && parsed.every(word => typeof word === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function volumes(value: string, change: string): Record<string, object> {
  const paths = words(value) ?? value.split(" ");
  if (paths.length === 0) throw invalid(change, "must provide at least one argument to VOLUME");
  if (paths.includes("")) throw invalid(change, "VOLUME paths must not be empty");
  return Object.fromEntries(paths.map(path => [path, {}]));
}

/** Relative to the one before, as in a Containerfile. */
function joined(before: string, value: string): string {
  const parts: string[] = [];
  for (const part of `${value.startsWith("/") ? "" : before}/${value}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function signal(value: string, change: string): string {
  try {
    return String(parseSignal(value));
  } catch (thrown) {
    throw invalid(change, `KILLSIGNAL must be given a valid signal: ${(thrown as Error).message}`);
  }
}
