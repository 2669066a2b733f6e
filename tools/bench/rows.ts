// The rows of the benchmark: what is run, how often, and the most of the other program's time that ours may need.

import { databaseRoot } from "./database.ts";

export interface Row {
  readonly name: string;
  readonly times: number;
  /** The most that ours may need of the other's time. */
  readonly aim: number;
  /** Words for podman, run without a shell. */
  readonly words?: readonly string[];
  /** Instead: a line for sh, in which $P, $B and $K are podman, buildah and skopeo, and $N is another number each time. */
  readonly script?: string;
  /** What the other does in its place, where it has no such command. */
  readonly peerScript?: string;
  /** Finds in what the command prints how many microseconds of it were the runtime's and criu's. */
  readonly inside?: RegExp;
  /** Lines for sh before and after each measured run, unmeasured. */
  readonly before?: string;
  readonly after?: string;
  /** Something of it stays behind: whoever counted its programs would wait for that. */
  readonly outlived?: boolean;
  /** Its words are an ordinary user's. */
  readonly isUsers?: boolean;
  /** What follows a command by itself (conmon's exit command) shall weigh on nobody's figure but its own. */
  readonly waits?: boolean;
}

/** Rows that stand on the same things, which are made once for each program. */
export interface Phase {
  readonly name: "small" | "transfer" | "build" | "skopeo" | "crowd" | "scale" | "listings" | "checkpoint" | "fork" | "rootless";
  /** Lines for sh, once for each program. */
  readonly begin?: string;
  readonly end?: string;
  readonly rows: readonly Row[];
}

export const image = "127.0.0.1:5000/busybox";
const heavy = "127.0.0.1:5000/heavy";
const gigabyte = "127.0.0.1:5000/gigabyte";
const run = ["run", "--rm", "--network", "none", image, "true"];
/** A store of its own for each run: what was just removed would weigh on what is written next. Warm, as it is opened before. */
const fresh = "--root /var/lib/containers/fresh-$N --runroot /run/fresh-$N";
const warm = `$P ${fresh} images -q`;
const upper = "127.0.0.1:5001";
const working = `c=$($B from ${image}) && m=$($B mount $c) && echo bench > $m/etc/bench && $B commit -q $c bench-made && $B rm $c`;

const small: Phase = {
  name: "small",
  begin: `$P pull -q ${image}; $P create --name bench-0 --network none ${image} true; $P run -d --name bench-up --network none ${image} sleep 100000`,
  end: "$P rm -fa -t 0",
  rows: [
    { name: "version", times: 15, aim: 0.3, words: ["version"] },
    { name: "ps -a", times: 15, aim: 0.3, words: ["ps", "-a"] },
    { name: "images", times: 15, aim: 0.3, words: ["images"] },
    { name: "inspect CONTAINER", times: 15, aim: 0.3, words: ["inspect", "bench-0"] },
    { name: "run --rm --network none IMAGE true", times: 11, aim: 0.4, words: run, waits: true },
    { name: "run --rm IMAGE true", times: 9, aim: 0.4, words: ["run", "--rm", image, "true"], waits: true },
    { name: "run --rm -p 18080:80 IMAGE true", times: 7, aim: 0.4, words: ["run", "--rm", "-p", "18080:80", image, "true"], waits: true },
    { name: "run -d --rm IMAGE true", times: 9, aim: 0.4, words: ["run", "-d", "--rm", "--network", "none", image, "true"], waits: true },
    { name: "exec CONTAINER true", times: 9, aim: 0.4, words: ["exec", "bench-up", "true"], waits: true },
    { name: "kill CONTAINER", times: 5, aim: 0.5, words: ["kill", "bench-gone"], waits: true,
      before: `$P run -d --name bench-gone --replace --network none ${image} sleep 1000`, after: "$P rm -f bench-gone" },
    { name: "stop -t 0 CONTAINER", times: 5, aim: 0.5, words: ["stop", "-t", "0", "bench-gone"], waits: true,
      before: `$P run -d --name bench-gone --replace --network none ${image} sleep 1000`, after: "$P rm -f bench-gone" },
    { name: "rm CONTAINER", times: 7, aim: 0.5, words: ["rm", "bench-gone"], waits: true, before: `$P create --name bench-gone --network none ${image} true` },
    { name: "buildah from, mount, commit, rm", times: 7, aim: 0.5, script: working },
  ],
};

const pulls: readonly (readonly [string, string])[] = [
  ["8 layers, 300 MB", "heavy"], ["1 layer, 300 MB", "single"], ["40 small layers", "many"], ["8 layers, 300 MB, zstd", "zstd"],
];

const transfer: Phase = {
  name: "transfer",
  begin: `rm -f /tmp/bench-load.tar; $P pull -q ${heavy}; $P pull -q ${gigabyte}; $P pull -q ${image}; $P save -q -o /tmp/bench-load.tar ${heavy}`,
  end: "$P rm -fa -t 0; rm -f /tmp/bench-load.tar",
  rows: [
    ...pulls.map(([what, name]): Row => ({
      name: `pull of ${what}`, times: 3, aim: 0.3, before: warm, script: `$P ${fresh} pull -q 127.0.0.1:5000/${name}`,
    })),
    { name: "pull of 4 images at once", times: 3, aim: 0.3, before: warm,
      script: `for n in 20 21 22 23; do $P ${fresh} pull -q 127.0.0.1:5000/some-$n & pids="$pids $!"; done; for pid in $pids; do wait $pid; done` },
    { name: "push of an image just pulled", times: 3, aim: 0.15, script: `$P push -q --tls-verify=false ${heavy} ${upper}/pushed-$N` },
    { name: "push of a layer just made, 40 MB", times: 3, aim: 0.6, script: `$P push -q --tls-verify=false bench-layer ${upper}/made-$N`,
      before: `$P run --name bench-made --network none ${image} dd if=/dev/urandom of=/noise bs=1000000 count=40; $P commit -q bench-made bench-layer`,
      after: "$P rm bench-made; $P rmi -f bench-layer" },
    { name: "load of 300 MB", times: 3, aim: 0.3, before: warm, script: `$P ${fresh} load -q -i /tmp/bench-load.tar` },
    { name: "save of 300 MB", times: 3, aim: 0.5, script: `$P save -q -o /tmp/bench-$N.tar ${heavy}`, after: "rm -f /tmp/bench-$N.tar" },
    { name: "commit of 100 files on 1 GB", times: 5, aim: 0.3, script: "$P commit -q bench-change bench-committed", after: "$P rmi bench-committed",
      before: `$P rm -f bench-change; $P run --name bench-change --network none ${gigabyte} sh -c 'for n in $(seq 100); do echo $n >/tmp/$n; done'` },
  ],
};

const build: Phase = {
  name: "build",
  begin: `$P pull -q ${image}`,
  end: "$P rmi -fa",
  rows: [
    { name: "build of 10 steps, cold", times: 3, aim: 0.5, words: ["build", "-q", "--no-cache", "--network", "none", "/tmp/bench-steps"] },
    { name: "build of 10 steps, cached", times: 7, aim: 0.2, words: ["build", "-q", "--network", "none", "/tmp/bench-steps"] },
    { name: "build: COPY of 20,000 files", times: 3, aim: 0.4, words: ["build", "-q", "--no-cache", "-t", "bench-files", "/tmp/bench-files"] },
    { name: "build: two stages of 2 seconds", times: 3, aim: 0.6, words: ["build", "-q", "--no-cache", "--network", "none", "/tmp/bench-stages"] },
    { name: "rmi of 20,000 files", times: 2, aim: 0.3, words: ["rmi", "-f", "bench-files"], before: "$P build -q --no-cache -t bench-files /tmp/bench-files" },
  ],
};

const from = "docker://127.0.0.1:5000/some-20";
const copied = "/tmp/bench-copy-$N";
const open = "--src-tls-verify=false --dest-tls-verify=false";
const sync = `$K sync ${open} --src docker --dest docker 127.0.0.1:5000/tags ${upper}`;

const skopeo: Phase = {
  name: "skopeo",
  begin: `rm -rf /tmp/bench-oci /tmp/bench-dir; $P pull -q 127.0.0.1:5000/some-20; $K copy -q ${from} oci:/tmp/bench-oci:x; $K copy -q ${from} dir:/tmp/bench-dir; ${sync}`,
  end: "rm -rf /tmp/bench-oci /tmp/bench-dir",
  rows: [
    { name: "skopeo inspect of a remote image", times: 9, aim: 0.6, script: `$K inspect ${from}` },
    ...([
      ["registry to dir", from, `dir:${copied}`], ["registry to oci", from, `oci:${copied}:x`], ["dir to oci", "dir:/tmp/bench-dir", `oci:${copied}:x`],
      ["oci to docker-archive", "oci:/tmp/bench-oci:x", `docker-archive:${copied}:some:x`], ["registry to registry", from, `docker://${upper}/copy-$N`],
      ["storage to dir", "containers-storage:127.0.0.1:5000/some-20:latest", `dir:${copied}`],
    ] as const).map(([what, source, target]): Row => ({
      name: `skopeo copy, ${what}`, times: 3, aim: 0.8, script: `$K copy -q ${open} ${source} ${target}`, after: `rm -rf ${copied}`,
    })),
    { name: "skopeo copy, registry to store", times: 3, aim: 0.8, script: `$K copy -q ${open} ${from} containers-storage:localhost/bench-copied:x`,
      before: "$P rmi -fa", after: "$P rmi -f localhost/bench-copied:x" },
    { name: "skopeo sync of 30 tags, nothing new", times: 5, aim: 0.4, script: sync },
  ],
};

const crowd: Phase = {
  name: "crowd",
  begin: `$P pull -q ${image}`,
  end: "$P rm -fa -t 0",
  rows: [{
    name: "100 run -d at once", times: 2, aim: 0.4, after: "$P rm -fa -t 0",
    script: `for n in $(seq 100); do $P run -d --network none ${image} sleep 100000 & pids="$pids $!"; done; for pid in $pids; do wait $pid; done`,
  }],
};

const create = (from: number, to: number): string => `seq ${from} ${to} | xargs -P 2 -I N $P create --name many-N --network none ${image} true`;

/** The order matters: what one row leaves the next counts with. */
const scale: Phase = {
  name: "scale",
  begin: `$P pull -q ${image}; ${create(1, 1)}`,
  end: "$P rm -fa -t 0",
  rows: [
    { name: "scale: ps -a -q, 1 container", times: 9, aim: 0.3, words: ["ps", "-a", "-q"] },
    { name: "scale: ps -a -q, 100 containers", times: 9, aim: 0.3, words: ["ps", "-a", "-q"], before: `$P container exists many-100 || ${create(2, 100)}` },
    { name: "scale: ps -a -q, 1,000 containers", times: 9, aim: 0.2, words: ["ps", "-a", "-q"], before: `$P container exists many-1000 || ${create(101, 1000)}` },
    { name: "scale: ps -a, 1,000 containers", times: 5, aim: 0.2, words: ["ps", "-a"] },
    { name: "scale: inspect, 1,000 containers", times: 5, aim: 0.3, words: ["inspect", "many-500"] },
    { name: "scale: rm --all, 1,000 containers", times: 1, aim: 0.3, words: ["rm", "--all"] },
  ],
};

const many = (count: number, line: string): string => `seq ${count} | xargs -P 2 -I N ${line}`;

const listings: Phase = {
  name: "listings",
  begin: `tar -cf /tmp/bench-small.tar -C /etc hostname; ${many(500, "$P import -q -c LABEL=n=N /tmp/bench-small.tar many:N")}; ${many(200, "$P volume create many-N")}`,
  end: "$P rmi -fa; $P volume rm -fa; rm -f /tmp/bench-small.tar",
  rows: [
    { name: "listings: images, 500 images", times: 9, aim: 0.3, words: ["images"] },
    { name: "listings: images -q, 500 images", times: 9, aim: 0.3, words: ["images", "-q"] },
    { name: "listings: images --filter label, 500 images", times: 5, aim: 0.3, words: ["images", "--filter", "label=n=77"] },
    { name: "listings: image exists, 500 images", times: 9, aim: 0.3, words: ["image", "exists", "many:250"] },
    { name: "listings: volume ls, 200 volumes", times: 9, aim: 0.3, words: ["volume", "ls"] },
    { name: "listings: volume inspect, 200 volumes", times: 9, aim: 0.3, words: ["volume", "inspect", "many-100"] },
    { name: "listings: system df, 500 images", times: 3, aim: 0.3, words: ["system", "df"] },
  ],
};

/** A table of 200,000 rows in memory, a listening socket, and a file that it wrote. */
const service = `my %t = map { $_ => "row $_ " x 8 } 1..200_000; open(F, ">/data") && print F "x" x 5_000_000; close F;
  socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(5432, INADDR_ANY)); listen(S, 9); $| = 1; print "ready\\n"; while (1) { sleep 1 }`;
const runtimeTime = /"runtime_(?:checkpoint|restore)_duration": (\d+)/;
const archive = "/tmp/bench-checkpoint-$N.tar";
const exported = `$P container checkpoint --print-stats --export ${archive} bench-db`;

const checkpoint: Phase = {
  name: "checkpoint",
  begin: `$P pull -q 127.0.0.1:5000/perl; $P run -d --name bench-db 127.0.0.1:5000/perl perl -MSocket -e '${service}' && until $P logs bench-db | grep -q ready; do sleep 0.05; done`,
  end: "$P rm -fa -t 0; rm -f /tmp/bench-checkpoint-*",
  rows: [
    { name: "container checkpoint", times: 4, aim: 0.8, waits: true, inside: runtimeTime, words: ["container", "checkpoint", "--print-stats", "bench-db"], after: "$P container restore bench-db" },
    { name: "container restore", times: 4, aim: 0.8, waits: true, inside: runtimeTime, words: ["container", "restore", "--print-stats", "bench-db"], before: "$P container checkpoint bench-db" },
    { name: "container checkpoint --export", times: 4, aim: 0.8, waits: true, inside: runtimeTime, script: exported, after: `$P rm bench-db; $P container restore --import ${archive}; rm ${archive}` },
    { name: "container restore --import", times: 4, aim: 0.8, waits: true, inside: runtimeTime, before: `${exported}; $P rm bench-db`,
      script: `$P container restore --print-stats --import ${archive}`, after: `rm ${archive}` },
  ],
};

const copies = 8;
const each = (line: string): string => `for n in $(seq ${copies}); do ${line}; done`;
const awaited = (name: string): string => `until $P logs ${name} 2>&1 | grep -q 'Ready to accept'; do sleep 0.02; done`;

/** A million keys, which a cold start reads from its file. Copies are counted as started once the command returns; a cold start once the log says so. */
const fork: Phase = {
  name: "fork",
  begin: `$P import -q ${databaseRoot} bench-redis && $P build -q --network none -t bench-database /tmp/bench-database && $P run -d --name bench-db bench-database && ${awaited("bench-db")}`,
  end: "$P rm -fa -t 0; $P rmi -fa",
  rows: [{
    name: `container fork of a Redis with a million keys, ${copies} copies (beside ${copies} cold starts)`, times: 3, aim: 0.25, waits: true,
    script: `$P container fork bench-db -n ${copies} --name copy-`, peerScript: each(`$P run -d --name copy-$n bench-database && ${awaited("copy-$n")}`),
    after: each("$P rm -f -t 0 copy-$n"),
  }],
};

/** As at the first command after a boot: no namespaces yet, and nothing in the run directory. */
const rebooted = "kill -9 $(cat $X/libpod/tmp/pause.pid); rm -rf $X/* /tmp/storage-run-*";

/** $U goes before a command of the user's, $X is his run directory. */
const rootless: Phase = {
  name: "rootless",
  begin: `$U $P pull -q --tls-verify=false ${image}; $U $P create --name bench-0 --network none ${image} true; $U $P run -d --name bench-up --network none ${image} sleep 100000`,
  end: "$U $P rm -fa -t 0",
  rows: [
    { name: "rootless: ps -a", times: 15, aim: 0.4, words: ["ps", "-a"], isUsers: true },
    { name: "rootless: images", times: 11, aim: 0.4, words: ["images"], isUsers: true },
    { name: "rootless: exec CONTAINER true", times: 9, aim: 0.5, words: ["exec", "bench-up", "true"], isUsers: true, waits: true },
    { name: "rootless: run --rm --network none IMAGE true", times: 9, aim: 0.5, words: run, isUsers: true, waits: true },
    { name: "rootless: run --rm IMAGE true", times: 9, aim: 0.5, words: ["run", "--rm", image, "true"], isUsers: true, waits: true },
    { name: "rootless: first command after a boot", times: 7, aim: 0.5, words: ["ps"], isUsers: true, before: `$U $P rm -fa -t 0; ${rebooted}`, waits: true, outlived: true },
  ],
};

export const phases: readonly Phase[] = [small, transfer, build, skopeo, crowd, scale, listings, checkpoint, fork, rootless];
