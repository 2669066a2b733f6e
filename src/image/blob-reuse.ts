// Blobs that a registry need not be sent: those it has under the name already, and those it takes over from another of its repositories.
// Source: OCI distribution-spec 1.1, "Mounting a blob from another repository".

import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { RegistryClient } from "../registry/client.ts";
import { notesOf } from "../registry/notes.ts";
import type { Notes } from "../registry/notes.ts";

export { forgetNotes } from "../registry/notes.ts";

/** A repository of a registry, and who speaks to it. */
export interface Shelf {
  readonly client: RegistryClient;
  readonly host: string;
  readonly repository: string;
}

export interface BlobReuse {
  /**
   * Whether the blob is on the shelf, or is now.
   *
   * @param from a repository of the same registry that surely has it
   */
  has(digest: Digest, from?: string): Promise<boolean>;
  /** It was put there. */
  note(digest: Digest): void;
  keep(): void;
}

/** Of one repository: it may be gone, or out of reach. */
const refusalsMax = 2;
/** A registry that takes over nothing is not asked for every blob anew. */
const allRefusalsMax = 6;

/** In which repositories of a registry blobs were seen. */
export const seenBlobs = (host: string): Notes => notesOf("registries", host);

export function blobReuse({ client, host, repository }: Shelf): BlobReuse {
  const seen = seenBlobs(host);
  const here = new Set<Digest>();
  const refusals = new Map<string, number>();
  const note = (digest: Digest): void => {
    here.add(digest);
    seen.note(digest, repository);
  };
  const isHere = async (digest: Digest): Promise<boolean> => (await client.hasBlob(repository, digest)) !== undefined;
  /** What was learned earlier may hold no longer, or be out of these credentials' reach: then the blob is sent. */
  const takesOver = async (digest: Digest, from: string): Promise<boolean> => {
    const before = refusals.get(from) ?? 0;
    const all = [...refusals.values()].reduce((sum, one) => sum + one, 0);
    try {
      if (before < refusalsMax && all < allRefusalsMax && await client.mountBlob(repository, digest, from)) return true;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.debug(`Taking over ${digest} from ${from}: ${thrown.message}`);
    }
    seen.forget(digest, from);
    refusals.set(from, before + 1);
    return false;
  };
  const find = async (digest: Digest, from: string | undefined): Promise<boolean> => {
    const known = seen.values(digest);
    const others = [...new Set([...(from === undefined ? [] : [from]), ...known])].filter(one => one !== repository);
    const asksFirst = known.includes(repository) || others.length === 0;
    if (asksFirst && await isHere(digest)) return true;
    for (const other of others) if (await takesOver(digest, other)) return true;
    return !asksFirst && isHere(digest);
  };
  return {
    note,
    keep: () => seen.keep(),
    async has(digest, from) {
      if (here.has(digest)) return true;
      const isThere = await find(digest, from);
      if (isThere) note(digest);
      else seen.forget(digest, repository);
      return isThere;
    },
  };
}
