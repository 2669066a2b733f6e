import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { AT_FDCWD, statx } from "./files.ts";
import { isMountpoint, mountOverlay, mounts, type OverlayMount, unmountAll } from "./mounts.ts";
import { withMountNamespace } from "./namespaces.ts";
import { mountOverlayByOldCall } from "./overlay.ts";
import { testDirectory } from "./test-directory.ts";
import { geteuid } from "./users.ts";
import { getXattr } from "./xattr.ts";

const isRoot = geteuid() === 0;

/** Layers with one file each, the top one first, and the directories of a mount. */
function layers(
  directory: string,
  count: number,
  name = (index: number) => `layer-${index}`,
): OverlayMount & { target: string } {
  const lower = Array.from({ length: count }, (_, index) => {
    const layer = `${directory}/${name(index)}`;
    mkdirSync(layer);
    writeFileSync(`${layer}/from-${index}`, "");
    writeFileSync(`${layer}/same`, `layer ${index}`);
    return layer;
  });
  for (const one of ["upper", "work", "target"]) mkdirSync(`${directory}/${one}`);
  return { lower, upper: `${directory}/upper`, work: `${directory}/work`, target: `${directory}/target` };
}

const ways = { "fsopen": mountOverlay, "mount(2)": mountOverlayByOldCall };

for (const [way, mountIt] of Object.entries(ways)) {
  test.skipIf(!isRoot)(`300 layers become one root by ${way}, the first on top`, () => {
    using directory = testDirectory();
    const overlay = layers(directory.path, 300);
    withMountNamespace("new", () => {
      mountIt({ ...overlay, options: { volatile: true, index: false } });
      const { target } = overlay;
      expect(isMountpoint(target)).toBe(true);
      expect(readdirSync(target)).toHaveLength(301);
      expect(readFileSync(`${target}/same`, "utf8")).toBe("layer 0");
      writeFileSync(`${target}/new`, "");
      rmSync(`${target}/from-299`);
      expect(readdirSync(overlay.upper as string).sort()).toEqual(["from-299", "new"]);
      expect(statx(AT_FDCWD, `${overlay.upper}/from-299`)).toMatchObject({ mode: 0o020000, rdev: { major: 0, minor: 0 } });
      expect(unmountAll(target)).toBe(true);
      expect(unmountAll(target)).toBe(false);
      expect(isMountpoint(target)).toBe(false);
    });
  });

  test.skipIf(!isRoot)(`layers named with colons, commas, backslashes, 250 letters or bytes mount by ${way}`, () => {
    using directory = testDirectory();
    const names = ["a:b", "c,d", "e\\f", "g".repeat(250), "h i"];
    const overlay = layers(directory.path, names.length, (index) => names[index]!);
    const strange = Buffer.concat([Buffer.from(`${directory.path}/`), Buffer.from([0xff, 0x3a, 0xfe])]);
    mkdirSync(strange);
    writeFileSync(Buffer.concat([strange, Buffer.from("/bytes")]), "");
    withMountNamespace("new", () => {
      mountIt({ ...overlay, lower: [...overlay.lower, new Uint8Array(strange)] });
      expect(readdirSync(overlay.target)).toEqual(expect.arrayContaining(["from-0", "from-1", "from-2", "from-3", "bytes"]));
    });
  });
}

test.skipIf(!isRoot)("without an upper directory the mount is read-only, of one layer or two", () => {
  using directory = testDirectory();
  const { lower, target } = layers(directory.path, 2);
  for (const some of [lower, lower.slice(1)]) {
    withMountNamespace("new", () => {
      mountOverlay({ lower: some, target });
      expect(readFileSync(`${target}/same`, "utf8")).toBe(some.length === 2 ? "layer 0" : "layer 1");
      expect(() => writeFileSync(`${target}/new`, "")).toThrow("EROFS");
    });
  }
});

test.skipIf(!isRoot)("userxattr keeps the marks where an unprivileged user can, and options reach the kernel", () => {
  using directory = testDirectory();
  const overlay = layers(directory.path, 1);
  mkdirSync(`${overlay.lower[0]}/directory`);
  withMountNamespace("new", () => {
    mountOverlay({ ...overlay, options: { userxattr: true, volatile: true, noDevices: true, noSetuid: true } });
    rmSync(`${overlay.target}/directory`, { recursive: true });
    mkdirSync(`${overlay.target}/directory`);
    expect(getXattr(`${overlay.upper}/directory`, "user.overlay.opaque")).toEqual(new Uint8Array([0x79]));
    const entry = mounts().find(({ target }) => target === overlay.target)!;
    expect(entry).toMatchObject({ type: "overlay", options: expect.arrayContaining(["nodev", "nosuid"]) });
    expect(entry.superOptions).toContain("userxattr");
    expect(entry.superOptions.join()).toMatch(/,(fsync=)?volatile/);
  });
});

test.skipIf(!isRoot)("a mount that fails says on what and why, and leaves nothing", () => {
  using directory = testDirectory();
  const overlay = layers(directory.path, 1);
  withMountNamespace("new", () => {
    const missing = `${directory.path}/missing`;
    for (const mountIt of Object.values(ways)) {
      expect(() => mountIt({ ...overlay, lower: [missing] })).toThrow(
        expect.objectContaining({ code: "system.not-found", errno: "ENOENT", message: expect.stringContaining(missing) }),
      );
      expect(() => mountIt({ ...overlay, target: missing })).toThrow(expect.objectContaining({ errno: "ENOENT" }));
    }
    mkdirSync(`${overlay.upper}/inside`);
    expect(() => mountOverlay({ ...overlay, work: `${overlay.upper}/inside` })).toThrow(
      expect.objectContaining({ errno: "EINVAL", code: "system.failed" }),
    );
    expect(isMountpoint(overlay.target)).toBe(false);
  });
});

test("too many layers, none, and half of the writable pair are refused before the kernel is asked", () => {
  const lower = Array.from({ length: 501 }, () => "/tmp");
  expect(() => mountOverlay({ lower, target: "/x" })).toThrow(expect.objectContaining({ code: "usage.unsupported" }));
  expect(() => mountOverlay({ lower: [], target: "/x" })).toThrow("cannot mount 0 layers");
  expect(() => mountOverlay({ lower: ["/tmp"], upper: "/u", target: "/x" })).toThrow("belong together");
});
