// The door to mounting: single calls, file systems in the making, overlays, and what is mounted now.

export {
  MNT_DETACH, MNT_FORCE, MOUNT_ATTR_IDMAP, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_RDONLY, MS_BIND, MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID,
  MS_PRIVATE, MS_RDONLY, MS_REC, MS_RELATIME, MS_REMOUNT, MS_SHARED, MS_SLAVE, MS_UNBINDABLE, UMOUNT_NOFOLLOW,
  bindMount, idmapMount, isMountpoint, mount, moveMount, openTree, propagationFlag, setMountAttributes,
  setPropagation, umount2, unmountAll,
} from "./mount-calls.ts";
export type { Mount, MountAttributes, Propagation } from "./mount-calls.ts";
export { fsconfig, fsmount, fsopen } from "./filesystem.ts";
export { mounts, readMountinfo } from "./mountinfo.ts";
export type { MountEntry } from "./mountinfo.ts";
export { createOverlay, mountOverlay } from "./overlay.ts";
export type { OverlayMount, OverlayOptions } from "./overlay.ts";
