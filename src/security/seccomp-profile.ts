// A seccomp profile as a file has it: read with bounds and checked whole, so that no wrong shape reaches the runtime.
// Source: containers-seccomp.json(5); its conditions, and the actions and comparisons of runtime-spec config-linux.md "Seccomp".

import { Fault } from "../base/fault.ts";
import { asRecord, findList, findRecord, findText, findTexts, malformed, needText, needWhole } from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";

export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

/** When a rule holds: all of `caps` are there (of an exclusion: any), and this machine is one of `arches`. */
export interface SeccompCondition {
  readonly caps: readonly string[];
  readonly arches: readonly string[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args: readonly SeccompArgument[];
  readonly includes: SeccompCondition;
  readonly excludes: SeccompCondition;
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly SeccompRule[];
}

const rulesMax = 4096;
const namesMax = 1024;
const errnoMax = 4095;
const actionForm = /^SCMP_ACT_(KILL|KILL_PROCESS|KILL_THREAD|TRAP|ERRNO|TRACE|ALLOW|LOG|NOTIFY)$/;
const comparisonForm = /^SCMP_CMP_(NE|LT|LE|EQ|GE|GT|MASKED_EQ)$/;
const architectureForm = /^SCMP_ARCH_[A-Z0-9_]+$/;
const flagForm = /^SECCOMP_FILTER_FLAG_[A-Z_]+$/;
const syscallForm = /^[a-z_][a-z0-9_]{0,63}$/i;

/** @throws Fault with the subject's code, naming the field that is wrong */
export function readSeccompProfile(value: unknown, subject: Subject): SeccompProfile {
  const fields = asRecord(value, subject);
  const archMap = findList(fields, "archMap", subject, 64).map(item => readArchitectures(item, subject));
  const architectures = matching(findTexts(fields, "architectures", subject, 64) ?? [], architectureForm, subject);
  if (architectures.length > 0 && archMap.length > 0) throw malformed(subject, 'it has both "architectures" and "archMap"');
  const errno = findErrno(fields, "defaultErrno", "defaultErrnoRet", subject);
  const flags = matching(findTexts(fields, "flags", subject, 16) ?? [], flagForm, subject);
  const listenerPath = findText(fields, "listenerPath", subject);
  const listenerMetadata = findText(fields, "listenerMetadata", subject);
  return {
    defaultAction: needForm(fields, "defaultAction", actionForm, subject),
    ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
    ...(architectures.length > 0 ? { architectures } : {}),
    ...(archMap.length > 0 ? { archMap } : {}),
    ...(flags.length > 0 ? { flags } : {}),
    ...(listenerPath === undefined ? {} : { listenerPath }),
    ...(listenerMetadata === undefined ? {} : { listenerMetadata }),
    syscalls: findList(fields, "syscalls", subject, rulesMax).map((rule, index) => readRule(rule, index, subject)),
  };
}

function readArchitectures(value: unknown, subject: Subject): { architecture: string; subArchitectures: string[] } {
  const fields = asRecord(value, subject, "an entry of archMap");
  return {
    architecture: needForm(fields, "architecture", architectureForm, subject),
    subArchitectures: matching(findTexts(fields, "subArchitectures", subject, 16) ?? [], architectureForm, subject),
  };
}

function readRule(value: unknown, index: number, whole: Subject): SeccompRule {
  const subject = { ...whole, what: `${whole.what}, entry ${index} of syscalls` };
  const fields = asRecord(value, subject, "it");
  const name = findText(fields, "name", subject);
  const names = findTexts(fields, "names", subject, namesMax) ?? [];
  if (name !== undefined && names.length > 0) throw malformed(subject, 'it has both "name" and "names"');
  const errno = findErrno(fields, "errno", "errnoRet", subject);
  return {
    names: matching(name === undefined ? names : [name], syscallForm, subject),
    action: needForm(fields, "action", actionForm, subject),
    ...(errno === undefined ? {} : { errnoRet: errno }),
    args: findList(fields, "args", subject, 6).map(argument => readArgument(argument, subject)),
    includes: readCondition(findRecord(fields, "includes", subject), subject),
    excludes: readCondition(findRecord(fields, "excludes", subject), subject),
  };
}

function readArgument(value: unknown, subject: Subject): SeccompArgument {
  const fields = asRecord(value, subject, "an entry of args");
  const second = fields.valueTwo === undefined || fields.valueTwo === null ? 0 : needWhole(fields, "valueTwo", subject);
  return {
    index: needWhole(fields, "index", subject, 5),
    // A number that no double holds would be another number in the filter, so it is refused.
    value: needWhole(fields, "value", subject),
    ...(second === 0 ? {} : { valueTwo: second }),
    op: needForm(fields, "op", comparisonForm, subject),
  };
}

const readCondition = (fields: Fields | undefined, subject: Subject): SeccompCondition => ({
  caps: fields ? (findTexts(fields, "caps", subject, 64) ?? []) : [],
  arches: fields ? (findTexts(fields, "arches", subject, 64) ?? []) : [],
});

function needForm(fields: Fields, name: string, form: RegExp, subject: Subject): string {
  const text = needText(fields, name, subject);
  return matching([text], form, subject)[0] ?? text;
}

function matching(texts: string[], form: RegExp, subject: Subject): string[] {
  const odd = texts.find(text => !form.test(text));
  if (odd === undefined) return texts;
  throw malformed(subject, `unknown word ${JSON.stringify(odd.slice(0, 80))}`);
}

/** Those that profiles name; others can be given by number. */
const errnoNames: Readonly<Record<string, number>> = {
  EPERM: 1, ENOENT: 2, EINTR: 4, EIO: 5, EBADF: 9, EAGAIN: 11, ENOMEM: 12, EACCES: 13, EFAULT: 14, EBUSY: 16, EEXIST: 17,
  ENODEV: 19, EINVAL: 22, ENOTTY: 25, ENOSPC: 28, ENOSYS: 38, ENOTSUP: 95, EOPNOTSUPP: 95, EAFNOSUPPORT: 97,
};

/** By number where both are given, as both mean the same in every profile that is right. */
function findErrno(fields: Fields, textName: string, numberName: string, subject: Subject): number | undefined {
  if (fields[numberName] !== undefined && fields[numberName] !== null) return needWhole(fields, numberName, subject, errnoMax);
  const text = findText(fields, textName, subject);
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,4}$/.test(text) ? Number(text) : Object.hasOwn(errnoNames, text) ? errnoNames[text] : undefined;
  if (number === undefined || number > errnoMax) throw malformed(subject, `unknown errno ${JSON.stringify(text.slice(0, 80))}`);
  return number;
}

/** The subject of a profile's faults. */
export const profileSubject = (path: string): Subject => ({ what: `seccomp profile "${path}"`, code: "usage.invalid" });

/** As podman words what cannot even be opened. */
export const cannotOpenProfile = (path: string, reason: string, cause: unknown): Fault =>
  new Fault("usage.invalid", `opening seccomp profile failed: open ${path}: ${reason}`, { cause, hint: "give the path of a profile, or unconfined" });
