// The tables of blobs, layers, images, names, leases and roots.
// A row counts, a file alone does not. `boot` names the boot in which a blob or layer was written without having been
// synced; after a crash of the machine such rows are dropped.

export const storageSchema = `
CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, boot TEXT) WITHOUT ROWID;
CREATE TABLE layers (
  chain TEXT PRIMARY KEY,
  diff TEXT NOT NULL,
  parent TEXT,
  size INTEGER NOT NULL,
  blob TEXT NOT NULL,
  root TEXT,
  boot TEXT
) WITHOUT ROWID;
CREATE INDEX layers_diff ON layers (diff);
CREATE INDEX layers_blob ON layers (blob);
CREATE TABLE images (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  config TEXT NOT NULL,
  manifest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  created TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  size INTEGER NOT NULL,
  layers TEXT NOT NULL,
  history TEXT NOT NULL
);
CREATE TABLE names (name TEXT PRIMARY KEY, image TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX names_image ON names (image);
CREATE TABLE image_manifests (
  image TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, PRIMARY KEY (image, digest)
) WITHOUT ROWID;
CREATE INDEX image_manifests_digest ON image_manifests (digest);
CREATE TABLE image_blobs (image TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (image, digest)) WITHOUT ROWID;
CREATE TABLE image_layers (image TEXT NOT NULL, chain TEXT NOT NULL, PRIMARY KEY (image, chain)) WITHOUT ROWID;
CREATE TABLE lease_holds (
  lease TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (lease, kind, key)
) WITHOUT ROWID;
CREATE TABLE roots (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, layer TEXT, mounts INTEGER NOT NULL
);
CREATE TABLE boots (id INTEGER PRIMARY KEY CHECK (id = 1), boot TEXT NOT NULL);
`;

/** Signatures of manifests, as `dir:` keeps them too: simple ones as they are, others behind a zero byte and their kind. */
export const signaturesSchema = `
CREATE TABLE image_signatures (
  image TEXT NOT NULL, digest TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (image, digest, number)
) WITHOUT ROWID;
`;
