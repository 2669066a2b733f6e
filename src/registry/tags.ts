// Lists that come in pages: the tags of a repository, the repositories of a registry.
// Source: OCI distribution-spec 1.1, "Listing Tags"; docker/distribution "Listing Repositories"; RFC 8288 (Link).

import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { checkedRepository, pullScope } from "./names.ts";
import { requestWhole, type Session } from "./session.ts";

const pagesMax = 10_000;
const entriesMax = 1_000_000;

export async function listTags(session: Session, repository: string): Promise<string[]> {
  return listPages(session, {
    doing: "fetching tags list",
    target: `/v2/${checkedRepository(repository)}/tags/list`,
    scopes: [pullScope(repository)],
    field: "tags",
    limit: entriesMax,
  });
}

export async function listRepositories(session: Session, limit: number): Promise<string[]> {
  return listPages(session, {
    doing: `couldn't search registry "${session.host}"`,
    target: "/v2/_catalog",
    scopes: ["registry:catalog:*"],
    field: "repositories",
    limit: Math.min(limit, entriesMax),
  });
}

export interface PagedList {
  readonly doing: string;
  readonly target: string;
  readonly scopes: readonly string[];
  readonly field: "tags" | "repositories";
  readonly limit: number;
  /** Others are passed over, and do not count against the limit. */
  readonly keeps?: (entry: string) => boolean;
}

export async function listPages(session: Session, list: PagedList): Promise<string[]> {
  const entries: string[] = [];
  let target: string | undefined = list.target;
  for (let pages = 0; target !== undefined && entries.length < list.limit; pages++) {
    if (pages === pagesMax) throw new Fault("registry.malformed", `${list.doing}: more than ${pagesMax} pages`);
    const reply = await requestWhole(
      session,
      { doing: list.doing, method: "GET", target, scopes: list.scopes, ok: [200] },
      limits.tagsPageBytesMax,
    );
    const page = entriesOf(reply.bytes, list);
    for (const entry of page) if (list.keeps?.(entry) ?? true) entries.push(entry);
    const next = nextTarget(reply.headers, reply.url);
    // A page that leads to itself would never end.
    target = next === target ? undefined : next;
  }
  return entries.length > list.limit ? entries.slice(0, list.limit) : entries;
}

function entriesOf(bytes: Uint8Array, { doing, field }: PagedList): string[] {
  const value = jsonObject(bytes, doing)[field];
  // Registries say null for a repository whose tags are all deleted.
  if (value === null || value === undefined) return [];
  if (Array.isArray(value) && value.every(entry => typeof entry === "string" && entry.length <= 512)) return value;
  throw new Fault("registry.malformed", `${doing}: "${field}" is not a list of names`);
}

/** @throws Fault "registry.malformed" */
export function jsonObject(bytes: Uint8Array, doing: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, with what was being done.
  }
  throw new Fault("registry.malformed", `${doing}: the answer is not a JSON object`);
}

/** The path and query of Link's rel="next": only ever on the same registry, wherever the header points. */
export function nextTarget(headers: Headers, base: URL): string | undefined {
  const link = (headers.get("link") ?? "").slice(0, limits.headerBytesMax);
  const address = /<([^<>]*)>\s*;[^,]*\brel\s*=\s*"?next\b/i.exec(link)?.[1];
  if (address === undefined || !URL.canParse(address, base)) return undefined;
  const url = new URL(address, base);
  return `${url.pathname}${url.search}`;
}
