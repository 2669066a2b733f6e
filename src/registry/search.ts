// Searching a registry: Docker's old index where there is one, else the catalog of repositories.
// Source: Docker Registry API v1, "Search"; docker/distribution "Listing Repositories".

import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { asRecord, findList } from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";
import { requestWhole, type Session } from "./session.ts";
import { jsonObject, listPages } from "./tags.ts";

export interface FoundRepository {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

const resultsMax = 10_000;
const subject: Subject = { what: "search results", code: "registry.malformed" };

/** At most `limit`. @throws Fault "registry.*" worded `couldn't search registry …` */
export async function searchRepositories(session: Session, term: string, limit: number): Promise<FoundRepository[]> {
  const found = term === "" ? [] : await searchIndex(session, term, limit);
  if (found.length > 0) return found.slice(0, limit);
  const names = await listPages(session, {
    doing: `couldn't search registry ${JSON.stringify(session.host)}`,
    target: "/v2/_catalog",
    scopes: ["registry:catalog:*"],
    field: "repositories",
    limit: Math.min(limit, resultsMax),
    keeps: name => name.includes(term),
  });
  return names.map(name => ({ name, description: "", stars: 0, isOfficial: false, isAutomated: false }));
}

/** Most registries have no such index, and say so in one way or another. */
async function searchIndex(session: Session, term: string, limit: number): Promise<FoundRepository[]> {
  const doing = `couldn't search registry ${JSON.stringify(session.host)}`;
  const target = `/v1/search?${new URLSearchParams({ q: term, n: String(limit) })}`;
  try {
    const reply = await requestWhole(session, { doing, method: "GET", target, scopes: [], ok: [200] }, limits.tagsPageBytesMax);
    return findList(jsonObject(reply.bytes, doing), "results", subject, resultsMax).map(entry => readResult(asRecord(entry, subject, "a result")));
  } catch (thrown) {
    if (thrown instanceof Fault && (thrown.code === "registry.not-found" || thrown.code === "registry.failed" || thrown.code === "registry.malformed" || thrown.code === "registry.denied")) return [];
    throw thrown;
  }
}

function readResult(fields: Fields): FoundRepository {
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name].slice(0, 4096) : "");
  const stars = fields["star_count"];
  return {
    name: text("name"),
    description: text("description"),
    stars: typeof stars === "number" && Number.isSafeInteger(stars) ? stars : 0,
    isOfficial: fields["is_official"] === true,
    isAutomated: fields["is_automated"] === true,
  };
}
