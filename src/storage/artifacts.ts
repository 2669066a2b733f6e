// Artifacts: files kept under a name as the layers of an OCI manifest. Nothing of them is unpacked, and they are no images.
// Source: OCI image-spec manifest.md, "Guidelines for Artifact Usage".

import type { Database } from "bun:sqlite";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { StorePlace } from "./place.ts";
import type { Artifacts, Collected, PutArtifact, StoredArtifact } from "./store.ts";
import { syncRows } from "./sync.ts";

export const artifactsSchema = `
CREATE TABLE artifacts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, manifest TEXT NOT NULL, media_type TEXT NOT NULL
);
CREATE TABLE artifact_blobs (artifact TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (artifact, digest)) WITHOUT ROWID;
`;

interface ArtifactRow {
  name: string;
  manifest: Digest;
  media_type: string;
}

const artifactOf = ({ name, manifest, media_type: mediaType }: ArtifactRow): StoredArtifact => ({ name, manifest: { digest: manifest, mediaType } });

export function openArtifacts(place: StorePlace, collect: () => Collected): Artifacts {
  const { db } = place;
  const find = (name: string): StoredArtifact | undefined => {
    const row = db.query<ArtifactRow, [string]>("SELECT * FROM artifacts WHERE name = ?").get(name);
    return row === null ? undefined : artifactOf(row);
  };
  return {
    list: () => db.query<ArtifactRow, []>("SELECT * FROM artifacts ORDER BY seq").all().map(artifactOf),
    find,
    put(artifact) {
      syncRows(place, { blobs: [artifact.manifest.digest, ...artifact.blobs], layers: [] });
      const wasThere = place.transaction(() => put(db, artifact));
      if (wasThere) collect();
    },
    remove(name) {
      const wasThere = place.transaction(() => deleteArtifactRows(db, name));
      if (wasThere) collect();
      return wasThere;
    },
  };
}

/** True where another one had the name. */
function put(db: Database, { name, manifest, blobs, expected }: PutArtifact): boolean {
  const before = db.query<ArtifactRow, [string]>("SELECT * FROM artifacts WHERE name = ?").get(name)?.manifest;
  if (expected !== "any" && before !== expected) {
    if (expected === undefined) throw new Fault("artifact.exists", `${name}: artifact already exists`, { hint: "add to it with --append, or take its place with --replace" });
    throw new Fault("store.busy", `cannot change artifact "${name}": another command has changed it meanwhile`, { hint: "try again" });
  }
  const all = new Set([manifest.digest, ...blobs]);
  for (const digest of all) {
    if (db.query("SELECT 1 FROM blobs WHERE digest = ?").get(digest) === null) {
      throw new Fault("store.damaged", `cannot keep artifact "${name}": blob ${digest} is not in the store`, { hint: "try again" });
    }
  }
  deleteArtifactRows(db, name);
  db.query("INSERT INTO artifacts (name, manifest, media_type) VALUES (?, ?, ?)").run(name, manifest.digest, manifest.mediaType);
  for (const digest of all) db.query("INSERT INTO artifact_blobs VALUES (?, ?)").run(name, digest);
  return before !== undefined;
}

export function deleteArtifactRows(db: Database, name: string): boolean {
  db.query("DELETE FROM artifact_blobs WHERE artifact = ?").run(name);
  return db.query("DELETE FROM artifacts WHERE name = ?").run(name).changes > 0;
}
