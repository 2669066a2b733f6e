// Files that get owner and mode as they are made end as the archive says, whatever the directory and the process would make of them.

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { close, fstat, openDirectory } from "../../kernel/files.ts";
import { setXattr } from "../../kernel/xattr.ts";
import { archive } from "../fixtures.ts";
import { newbornIn } from "./newborn.ts";
import { TarReader } from "./reader.ts";
import { Unpacker } from "./unpack.ts";

const rooted = test.if(process.geteuid!() === 0);
const modes = [0o644, 0o755, 0o666, 0o777, 0o600, 0o400, 0, 0o4755, 0o2755, 0o1777];
const owners = [[0, 0], [0, 7], [7, 0], [7, 7]] as const;

/** Version 2; user rwx, group and others nothing. */
const defaultAcl = Uint8Array.from([2, 0, 0, 0, ...[[1, 7], [4, 0], [32, 0]].flatMap(([tag, bits]) => [tag!, 0, bits!, 0, 255, 255, 255, 255])]);

const odd: Record<string, (directory: string) => void> = {
  "of its group": directory => {
    fs.chownSync(directory, 0, 9);
    fs.chmodSync(directory, 0o2755);
  },
  "with a default ACL": directory => setXattr(directory, "system.posix_acl_default", defaultAcl),
  "like others": () => {},
};

for (const umask of [0o022, 0o077, 0]) {
  for (const [what, make] of Object.entries(odd)) {
    rooted(`in a directory ${what} under umask ${umask.toString(8)}`, () => {
      const directory = fs.mkdtempSync(join(tmpdir(), "newborn-"));
      make(directory);
      const before = process.umask(umask);
      try {
        const wanted = owners.flatMap(([uid, gid]) => modes.map(mode => ({ name: `d/${uid}-${gid}-${mode.toString(8)}`, uid, gid, mode })));
        unpack(directory, archive({ name: "d", kind: "directory", mode: 0o755 }, ...wanted.map(one => ({ ...one, text: "x" }))));
        const found = wanted.map(({ name }) => ({ name, stat: fs.statSync(join(directory, name)) }));
        expect(found.map(({ name, stat }) => ({ name, uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 }))).toEqual(wanted);
      } finally {
        process.umask(before);
        fs.rmSync(directory, { recursive: true });
      }
    });
  }
}

rooted("a usual file of ours needs nothing more; another owner's, or one that may more than it got, does", () => {
  const directory = openDirectory(tmpdir());
  const before = process.umask(0o022);
  try {
    const newborn = newbornIn(directory);
    const { gid } = fstat(directory);
    expect([0o644, 0o755].map(mode => newborn.has({ uid: 0, gid, mode }))).toEqual([true, true]);
    expect([{ uid: 1, gid, mode: 0o644 }, { uid: 0, gid: 12345, mode: 0o644 }, { uid: 0, gid, mode: 0o666 }, { uid: 0, gid, mode: 0o4755 }].map(one => newborn.has(one))).toEqual([false, false, false, false]);
  } finally {
    process.umask(before);
    close(directory);
  }
});

function unpack(directory: string, tar: Uint8Array): void {
  const rootFd = openDirectory(directory);
  const unpacker = new Unpacker({ rootFd, overlayMarks: "trusted.", lenient: false, whiteouts: "overlay", isNew: true });
  const reader = new TarReader(unpacker);
  reader.push(tar);
  reader.end();
  unpacker.finish();
  close(rootFd);
}
