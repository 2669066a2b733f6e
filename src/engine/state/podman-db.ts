// Podman's own database, read from a copy: which named volumes it knows.
import { scratch } from "../../base/scratch.ts";
// Source: libpod's sqlite schema, table VolumeConfig.

import { Database } from "bun:sqlite";
import { copyFileSync, existsSync } from "node:fs";

export interface PodmanVolume {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  readonly uid: number;
  readonly gid: number;
}

type Config = { volumeDriver?: string; labels?: Record<string, string>; volumeOptions?: Record<string, string>; isAnon?: boolean; uid?: number; gid?: number };

/** [] where there is no database. */
export function podmanVolumes(root: string): PodmanVolume[] {
  if (!existsSync(`${root}/db.sql`)) return [];
  using aside = scratch();
  const directory = aside.path;
  for (const suffix of ["", "-wal"]) if (existsSync(`${root}/db.sql${suffix}`)) copyFileSync(`${root}/db.sql${suffix}`, `${directory}/db.sql${suffix}`);
  const db = new Database(`${directory}/db.sql`);
  try {
    const rows = db.query("SELECT Name AS name, CAST(JSON AS TEXT) AS config FROM VolumeConfig ORDER BY Name").all() as { name: string; config: string }[];
    return rows.map(({ name, config }) => {
      const { volumeDriver: driver = "local", labels = {}, volumeOptions: options = {}, isAnon = false, uid = 0, gid = 0 } = JSON.parse(config) as Config;
      return { name, driver, labels, options, anonymous: isAnon, uid, gid };
    });
  } finally {
    db.close();
  }
}
