// Values as the database keeps them: ours, but on a disk, which may return something else.

import { Fault } from "./fault.ts";

/** Fields of each kind of value without which nothing can be done with it; all are texts. */
export const storedFields = { state: ["status", "createdAt"], volume: ["name", "driver", "createdAt"], working: ["id", "name"], secret: ["id", "name"], session: ["id"] } as const;

/** @param what such as `container ID`. @param fields that must be texts, or "list" for a list. @throws Fault "store.damaged" */
export function fromStored<T>(text: string, what: string, fields: readonly string[] | "list" = []): T {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const isWhole = fields === "list" ? Array.isArray(value) : isObject && fields.every(name => typeof (value as Record<string, unknown>)[name] === "string");
    if (isWhole) return value as T;
  } catch {
    // Told below, as a row of another kind is.
  }
  throw new Fault("store.damaged", `cannot read ${what}: its row in the database is damaged`, { hint: "remove it with: podman system check --repair --force" });
}
