// Loss of power: the store lies on an ext4 of its own in a file, and a copy of that file is what a machine would find that stopped at that moment.
// What the file system had not yet written is not in the copy. The copy is opened in another boot, as by the kernel's own ID of it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, mustRun, ok, run, type Ran, type Running } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";

export const image = "127.0.0.1:5000/base:latest";

export interface Machine {
  readonly disk: string;
  readonly file: string;
  /** What the disk's file lies on, where the disk forgets at a loss what it was not told to flush. */
  readonly below?: { readonly mount: string; file: string };
  /** On the disk that may lose its power. */
  podman(...words: string[]): Ran;
}

export interface Work {
  readonly name: string;
  prepare(machine: Machine): void;
  readonly words: readonly string[];
  /** Asked of the store after the loss: prints this where it is done. */
  readonly done: readonly string[];
  readonly shows: RegExp;
}

const archive = (): string => "/run/power-image.tar";

export function newMachine(): Machine {
  const folder = newFolder("machine");
  const disk = join(folder, "disk");
  const file = join(folder, "disk.img");
  mustRun(["sh", "-c", `mkdir ${disk} && truncate -s 160M ${file} && mkfs.ext4 -q ${file} && mount -o loop ${file} ${disk}`]);
  mustRun(["sh", "-c", `[ -e ${archive()} ] || podman save -q -o ${archive()} ${image}`]);
  return { disk, file, podman: (...words) => run(["podman", "--root", join(disk, "root"), "--runroot", `${disk}-run`, ...words]) };
}

/**
 * A disk with a cache that is lost with the power: its file lies on an ext4 of its own, and reaches that one's disk when a flush of the inner file
 * system asks for it, or now and then by itself. This is what dm-flakey would do, without device-mapper.
 */
export function newForgetfulMachine(): Machine {
  const folder = newFolder("machine");
  const below = { mount: join(folder, "below"), file: join(folder, "below.img") };
  const disk = join(folder, "disk");
  const file = join(below.mount, "disk.img");
  mustRun(["sh", "-c", `mkdir ${disk} ${below.mount} && truncate -s 260M ${below.file} && mkfs.ext4 -q ${below.file} && mount -o loop ${below.file} ${below.mount}
    dd if=/dev/zero of=${file} bs=1M count=160 conv=fsync 2>/dev/null && mkfs.ext4 -q ${file} && mount -o loop ${file} ${disk} && sync -f ${disk} && sync -f ${below.mount}`]);
  mustRun(["sh", "-c", `[ -e ${archive()} ] || podman save -q -o ${archive()} ${image}`]);
  return { disk, file, below, podman: (...words) => run(["podman", "--root", join(disk, "root"), "--runroot", `${disk}-run`, ...words]) };
}

/** Loop mounts hold a device. */
export const endMachine = ({ disk, file, below, podman }: Machine): void => {
  podman("rm", "-fa", "-t", "0");
  // Layers that are files stay mounted until their image goes.
  run(["sh", "-c", `umount ${disk}-run/layers/*`]);
  mustRun(["sh", "-c", `umount ${disk} && rm ${file}`]);
  if (below) mustRun(["sh", "-c", `umount ${below.mount} && rm ${below.file}`]);
};

/** EXT4_IOC_SHUTDOWN without a flush, of its log neither: what is not on the disk below never comes there. */
const stop = (mount: string): void =>
  void mustRun(["perl", "-e", 'open(my $f, "<", $ARGV[0]) or die $!; my $how = pack("L", 2); ioctl($f, 0x8004587d, $how) or die $!', mount]);

let losses = 0;

/** The file of the disk as it is after the loss; the machine goes on with it. */
export async function lose({ disk, file, below }: Machine, running: Running | undefined, copy: string): Promise<void> {
  stop(below!.mount);
  running?.child.kill("SIGKILL");
  await running?.exited;
  // Somebody may have the old ones open still; they go with their last user.
  const next = `${below!.file.replace(/-\d+$/, "")}-${++losses}`;
  mustRun(["sh", "-c", `umount -l ${disk}-run/layers/* 2>/dev/null; umount -l ${disk} && umount -l ${below!.mount} && cp --reflink=never --sparse=always ${below!.file} ${next} && rm ${below!.file} &&
    mount -o loop ${next} ${below!.mount} && cp --reflink=never ${file} ${copy} && mount -o loop ${file} ${disk}`]);
  below!.file = next;
}

const must = ({ podman }: Machine, ...words: string[]): void => {
  const { status, err } = podman(...words);
  if (status !== 0) throw new Error(`${words.join(" ")}: ${err}`);
};

const withImage = (machine: Machine): void => void (machine.podman("image", "exists", image).status === 0 || must(machine, "load", "-q", "-i", archive()));

export const works: readonly Work[] = [
  { name: "pull", prepare: machine => void machine.podman("rmi", "-fa"), words: ["pull", "-q", image], done: ["run", "--rm", "--network", "none", image, "echo", "runs"], shows: /^runs$/m },
  { name: "load", prepare: machine => void machine.podman("rmi", "-fa"), words: ["load", "-q", "-i", archive()], done: ["run", "--rm", "--network", "none", image, "echo", "runs"], shows: /^runs$/m },
  { name: "tag", prepare: machine => { withImage(machine); machine.podman("untag", image, "other"); }, words: ["tag", image, "other"], done: ["images", "--format", "{{.Repository}}"], shows: /localhost\/other/ },
  { name: "create", prepare: machine => { withImage(machine); machine.podman("rm", "-fi", "made"); }, words: ["create", "--network", "none", "--name", "made", image, "echo", "runs"], done: ["start", "-a", "made"], shows: /^runs$/m },
  { name: "volume create", prepare: machine => void machine.podman("volume", "rm", "-f", "stuff"), words: ["volume", "create", "stuff"], done: ["volume", "ls", "-q"], shows: /^stuff$/m },
  { name: "volume import", prepare: machine => must(machine, "volume", "create", "--ignore", "kept"), words: ["volume", "import", "kept", archive()], done: ["run", "--rm", "--network", "none", "-v", "kept:/kept", image, "ls", "/kept"], shows: /manifest\.json/ },
  { name: "commit", prepare: machine => { withImage(machine); machine.podman("rm", "-fi", "source"); must(machine, "create", "--network", "none", "--name", "source", image, "true"); },
    words: ["commit", "-q", "source", "committed"], done: ["run", "--rm", "--network", "none", "committed", "echo", "runs"], shows: /^runs$/m },
  { name: "secret create", prepare: machine => void machine.podman("secret", "rm", "word"), words: ["secret", "create", "word", "/etc/hostname"], done: ["secret", "ls", "--format", "{{.Name}}"], shows: /^word$/m },
  { name: "rename", prepare: machine => { withImage(machine); machine.podman("rm", "-fi", "before"); machine.podman("rm", "-fi", "after"); must(machine, "create", "--network", "none", "--name", "before", image, "true"); },
    words: ["rename", "before", "after"], done: ["ps", "-a", "--format", "{{.Names}}"], shows: /^after$/m },
  { name: "rm", prepare: machine => { withImage(machine); machine.podman("rm", "-fi", "gone"); must(machine, "create", "--network", "none", "--name", "gone", image, "true"); },
    words: ["rm", "gone"], done: ["ps", "-a", "--format", "names: {{.Names}}"], shows: /^(?!.*gone)/s },
  { name: "rmi", prepare: machine => { withImage(machine); must(machine, "tag", image, "unwanted"); }, words: ["rmi", "unwanted"], done: ["images", "--format", "{{.Repository}}"], shows: /^(?!.*unwanted)/s },
];

/** The machine loses its power `afterMs` from the start of the work, or right after it was reported done; gives what is wrong then. */
export async function cut(machine: Machine, work: Work, afterMs: number | undefined): Promise<string[]> {
  work.prepare(machine);
  // What came before is not in question.
  mustRun(["sync", "-f", machine.disk]);
  if (machine.below) mustRun(["sync", "-f", machine.below.mount]);
  const copy = `${machine.below?.file ?? machine.file}.cut`;
  const running = begin(["podman", "--root", join(machine.disk, "root"), "--runroot", `${machine.disk}-run`, ...work.words]);
  if (afterMs === undefined) {
    if ((await running.exited) !== 0) throw new Error(`${work.name}: ${running.err()}`);
  } else await Bun.sleep(afterMs);
  if (machine.below) await lose(machine, running, copy);
  else mustRun(["cp", "--reflink=never", machine.file, copy]);
  await running.exited;
  return inCopy(machine, copy, afterMs === undefined ? work : undefined);
}

/** A new boot with what the disk holds. */
function inCopy({ disk }: Machine, copy: string, work: Work | undefined): string[] {
  const boot = `${copy}.boot`;
  writeFileSync(boot, `${crypto.randomUUID()}\n`);
  const podman = `podman --root ${disk}/root --runroot ${disk}-next`;
  const asked = work ? `${podman} ${work.done.map(word => `'${word}'`).join(" ")} 2>&1` : "true";
  const script = `umount -l ${disk}; mount -o loop ${copy} ${disk} || exit 9; mount --bind ${boot} /proc/sys/kernel/random/boot_id
    ${podman} ps -a >/dev/null || echo "ps fails"; ${podman} system check || echo "it is not sound"; echo ----; ${asked}; echo "status $?"; ${podman} rm -fa -t 0 >/dev/null; umount ${disk}-next/layers/* 2>/dev/null; rm -rf ${disk}-next; umount -l ${disk}`;
  const ran = run(["unshare", "--mount", "--propagation", "private", "bash", "-c", script]);
  run(["rm", "-f", copy, boot]);
  const [check = "", answer = ""] = ran.out.split("----\n");
  const problems = [...(check.trim() === "" && ran.status === 0 ? [] : [`after the loss: ${check}${ran.err}`])];
  if (work && !(work.shows.test(answer) && answer.includes("status 0"))) problems.push(`${work.name} was reported done, and is not: ${answer}${ran.err}`);
  return problems;
}

export const pulled = (): void => void ok("pull", "-q", image);
