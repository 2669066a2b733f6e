// What a registry says when it will not: its status and error body as one reason, worded as podman words it.
// Source: OCI distribution-spec, "Error Codes"; docker/distribution's error code table.

import { Fault, type FaultCode } from "../base/fault.ts";

/** One answer that is no success; the `cause` of the Fault made of it. */
export interface Refusal {
  readonly status: number;
  /** The registry's own code such as "MANIFEST_UNKNOWN", when it sent one. */
  readonly code: string | undefined;
  readonly reason: string;
}

/** What each code says by default; a message equal to it is not said twice. */
const sayings: Readonly<Record<string, string>> = {
  UNKNOWN: "unknown error",
  UNSUPPORTED: "The operation is unsupported.",
  UNAUTHORIZED: "authentication required",
  DENIED: "requested access to the resource is denied",
  UNAVAILABLE: "service unavailable",
  TOOMANYREQUESTS: "too many requests",
  DIGEST_INVALID: "provided digest did not match uploaded content",
  SIZE_INVALID: "provided length did not match content length",
  RANGE_INVALID: "invalid content range",
  NAME_INVALID: "invalid repository name",
  TAG_INVALID: "manifest tag did not match URI",
  NAME_UNKNOWN: "repository name not known to registry",
  MANIFEST_UNKNOWN: "manifest unknown",
  MANIFEST_INVALID: "manifest invalid",
  MANIFEST_UNVERIFIED: "manifest failed signature verification",
  MANIFEST_BLOB_UNKNOWN: "blob unknown to registry",
  BLOB_UNKNOWN: "blob unknown to registry",
  BLOB_UPLOAD_UNKNOWN: "blob upload unknown to registry",
  BLOB_UPLOAD_INVALID: "blob upload invalid",
};

const reasonCharactersMax = 512;

/** @param body the start of the answer's body, as text */
export function readRefusal(status: number, statusText: string, body: string): Refusal {
  if (status >= 500 || status < 400) {
    const line = `${status} ${statusText || statusTextOf(status)}`.trimEnd();
    return { status, code: undefined, reason: `received unexpected HTTP status: ${line}` };
  }
  const sent = sentError(body);
  if (sent) return { status, code: sent.code, reason: printable(sent.reason) };
  if (status === 401) return { status, code: "UNAUTHORIZED", reason: sayings["UNAUTHORIZED"]! };
  if (status === 429) return { status, code: "TOOMANYREQUESTS", reason: "too many requests to registry" };
  const start = body.length > 50 ? `${body.slice(0, 50)}...` : body;
  return { status, code: undefined, reason: `StatusCode: ${status}, ${JSON.stringify(start)}` };
}

/** `DOING: REASON` under the code that the status stands for. */
export function refusalFault(doing: string, refusal: Refusal): Fault {
  const hint = hints[refusal.status];
  return new Fault(codeOf(refusal.status), `${doing}: ${refusal.reason}`, { cause: refusal, ...(hint && { hint }) });
}

/** What the registry said, when `thrown` comes from a refusal. */
export function refusalOf(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Fault)) return undefined;
  const cause = thrown.cause as Partial<Refusal> | undefined;
  return typeof cause?.status === "number" && typeof cause.reason === "string" ? (cause as Refusal) : undefined;
}

const hints: Readonly<Record<number, string>> = {
  401: "log in with: podman login REGISTRY",
  429: "wait a while, or log in for a higher limit with: podman login REGISTRY",
};

function codeOf(status: number): FaultCode {
  if (status === 401 || status === 403) return "registry.denied";
  return status === 404 ? "registry.not-found" : "registry.failed";
}

function sentError(body: string): { code: string | undefined; reason: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const { errors, details } = (value ?? {}) as { errors?: unknown; details?: unknown };
  if (typeof details === "string" && details) return { code: undefined, reason: details };
  const first = Array.isArray(errors) ? (errors[0] as Record<string, unknown> | null) : null;
  if (!first || typeof first !== "object") return undefined;
  const code = typeof first["code"] === "string" ? first["code"].toUpperCase() : "UNKNOWN";
  const message = typeof first["message"] === "string" ? first["message"] : "";
  const known = Object.hasOwn(sayings, code);
  const words = (known ? code : "UNKNOWN").toLowerCase().replaceAll("_", " ");
  const isDefault = message === "" || (known && message === sayings[code]);
  if (isDefault && (first["detail"] === undefined || first["detail"] === null)) return { code, reason: words };
  return { code, reason: isDefault ? (sayings[code] ?? words) : `${words}: ${message}` };
}

/** One bounded line: what a registry says ends on a terminal. */
function printable(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  return line.length > reasonCharactersMax ? `${line.slice(0, reasonCharactersMax)}...` : line;
}

function statusTextOf(status: number): string {
  const texts: Readonly<Record<number, string>> = {
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
  };
  return texts[status] ?? "";
}
