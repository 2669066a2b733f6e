// podman build: images from Containerfiles, what runs again and what does not, and what is left of a build that fails.
// Source: podman-build(1), Containerfile(5).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, context, inImage, inspected } from "../fixtures/context.ts";
import { fromCaller, storeRoot, unshared, world } from "../fixtures/caller.ts";
import { begin, mustRun, ok, podman, run, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("steps, their images, COMMIT, the tag and the ID are announced as scripts know them", () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo hi\nCMD ["true"]\n`);
  const first = build(directory, "-t", "said").split("\n");
  expect(first.map(line => line.replace(/[0-9a-f]{64}|[0-9a-f]{12}/, "ID"))).toEqual([
    `STEP 1/3: FROM ${IMAGE}`, "STEP 2/3: RUN echo hi", "hi", "--> ID", 'STEP 3/3: CMD ["true"]', "COMMIT said", "--> ID", "Successfully tagged localhost/said:latest", "ID",
  ]);
  const again = build(directory, "-t", "said").split("\n");
  expect(again.filter(line => line.startsWith("--> Using cache "))).toHaveLength(2);
  expect(again).not.toContain("hi");
  expect(again.at(-1)).toBe(first.at(-1)!);
  expect(build(directory, "-q", "-t", "said")).toBe(first.at(-1)!);
});

test("every instruction reaches the image", () => {
  const directory = context(`ARG TAG=latest
FROM ${IMAGE.replace(":latest", ":${TAG}")}
MAINTAINER me
ENV A=1 B="two words"
ENV OLD three four
LABEL x=y "a b"="c d"
ARG GIVEN=default
ARG PATHLIKE=/usr/local
WORKDIR /srv/$A
WORKDIR below
COPY one.txt \${PATHLIKE#/usr/}-\${GIVEN:-none}.txt
ADD tarred.tar /unpacked/
EXPOSE 80 53/udp 8000-8002
VOLUME /data
USER 1000:100
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=5s --retries=2 CMD true
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT ["echo"]
CMD ["hello"]
ONBUILD RUN echo triggered > /tmp/triggered
`, { "one.txt": "1\n" });
  run(["tar", "-cf", join(directory, "tarred.tar"), "-C", directory, "one.txt"]);
  build(directory, "-t", "all", "--format", "docker", "--build-arg", "GIVEN=given");
  const { Config, Author, HealthCheck, Healthcheck = HealthCheck } = inspected("all");
  expect(Author).toBe("me");
  expect(Config).toMatchObject({
    User: "1000:100", WorkingDir: "/srv/1/below", Entrypoint: ["echo"], Cmd: ["hello"], StopSignal: "SIGUSR1", Volumes: { "/data": {} },
  });
  expect(Config.Env).toEqual(expect.arrayContaining(["A=1", "B=two words", "OLD=three four"]));
  expect(Config.Env.join()).not.toContain("GIVEN");
  expect(Config.Labels).toMatchObject({ x: "y", "a b": "c d" });
  expect(Object.keys(Config.ExposedPorts)).toEqual(["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"].sort());
  expect(Healthcheck).toMatchObject({ Test: ["CMD-SHELL", "true"], Interval: 5e9, Retries: 2 });
  expect(ok("run", "--rm", "--network", "none", "--entrypoint", "", "all", "cat", "/srv/1/below/local-given.txt", "/unpacked/one.txt")).toBe("1\n1");
  const child = context("FROM all\nUSER 0\n");
  build(child, "-t", "child", "--format", "docker");
  expect(ok("run", "--rm", "--network", "none", "--entrypoint", "", "child", "cat", "/tmp/triggered")).toBe("triggered");
});

test("COPY takes what it names and the ignore file lets through, never what lies outside", () => {
  const directory = context(`FROM ${IMAGE}
COPY . /all/
COPY sub/*.txt renamed* /some/
COPY sub/a.txt /single
COPY --chown=7:8 --chmod=640 sub/a.txt /owned
COPY --exclude=**/*.md docs /docs
COPY --parents ./sub/./deep/x.txt /parents/
`, { "sub/a.txt": "a", "sub/b.txt": "b", "sub/deep/x.txt": "x", "skip.log": "no", "keep.log": "yes", "renamed.cfg": "r", "docs/one.md": "m", "docs/two.txt": "t",
    ".dockerignore": "*.log\n!keep.log\n**/b.txt\nContainerfile\n" });
  symlinkSync("/etc/passwd", join(directory, "link"));
  build(directory, "-t", "copied");
  expect(inImage("copied", "cd /all && find . | sort | tr '\\n' ' '; readlink link")).toBe(". ./.dockerignore ./docs ./docs/one.md ./docs/two.txt ./keep.log ./link ./renamed.cfg ./sub ./sub/a.txt ./sub/deep ./sub/deep/x.txt /etc/passwd");
  expect(inImage("copied", "ls /some /docs; cat /single; stat -c '%u:%g %a' /owned; cat /parents/deep/x.txt")).toBe("/docs:\ntwo.txt\n\n/some:\na.txt\nrenamed.cfg\na7:8 640\nx");
  for (const [line, reason] of [
    ["COPY nothing /x", /checking on sources under .*: copier: stat: "\/nothing": no such file or directory/],
    ["COPY ../../etc/shadow /x", /possible escaping context directory error/],
    ["COPY skip.log /x", /no items matching glob .* copied \(1 filtered out using .*\.dockerignore\): no such file or directory/],
    ["COPY outside/passwd /x", /no such file or directory/],
  ] as const) {
    rmSync(join(directory, "outside"), { force: true });
    symlinkSync("/etc", join(directory, "outside"));
    writeFileSync(join(directory, "Containerfile"), `FROM ${IMAGE}\n${line}\n`);
    const { status, err } = podman("build", directory);
    expect(status).toBe(125);
    expect(err).toMatch(reason);
  }
});

test("a step runs again when its files, its arguments or its base change, and only then", () => {
  const text = `FROM ${IMAGE}\nARG V=1\nCOPY data /renamed\nRUN echo $V > /v\nLABEL last=1\n`;
  const directory = context(text, { data: "1" });
  const hits = (...options: string[]): number => build(directory, ...options).split("\n").filter(line => line.startsWith("--> Using cache")).length;
  expect(hits()).toBe(0);
  expect(hits()).toBe(4);
  run(["touch", join(directory, "data")]);
  expect(hits()).toBe(4);
  writeFileSync(join(directory, "data"), "2");
  expect(hits()).toBe(1);
  expect(hits("--build-arg", "V=2")).toBe(2);
  expect(hits("--no-cache")).toBe(0);
});

test("stages take from each other, by name and number, and those that are not needed do not run", () => {
  const directory = context(`FROM ${IMAGE} AS one
RUN echo 1 > /one
FROM ${IMAGE} AS unused
RUN exit 9
FROM one AS two
RUN --mount=type=bind,from=one,source=/one,target=/mnt/one cat /mnt/one > /two
FROM scratch
COPY --from=two /two /from-two
COPY --from=0 /one /from-zero
COPY --from=${IMAGE} /etc/passwd /from-image
`);
  const said = build(directory, "-t", "stages");
  expect(said).toContain("[4/4] STEP 4/4: COPY --from=");
  expect(said).not.toContain("exit 9");
  const mounted = fromCaller(mustRun(unshared("podman", "image", "mount", "stages")));
  expect(readdirSync(mounted).sort()).toEqual(["from-image", "from-two", "from-zero"]);
  expect(readFileSync(join(mounted, "from-two"), "utf8")).toBe("1\n");
  mustRun(unshared("podman", "image", "unmount", "stages"));
  expect(inImage(build(directory, "-q", "--target", "one"), "cat /one")).toBe("1");
  expect(podman("build", "--target", "three", directory).err).toContain('the target "three" was not found in the provided Dockerfile');
});

test("a failing RUN gives its status, and nothing of the build but its finished steps stays", () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo before; exit 42\n`);
  const { status, out, err } = podman("build", "--network", "none", "-t", "never", directory);
  expect(status).toBe(42);
  expect(out).toContain("before");
  expect(err).toContain('building at STEP "RUN echo before; exit 42": while running runtime: exit status 42');
  expect(podman("image", "exists", "never").status).toBe(1);
  const store = `${storeRoot}/coracle`;
  expect(readdirSync(`${store}/staging`)).toEqual([]);
  expect(readdirSync(`${store}/roots`)).toEqual([]);
});

test("secrets reach their RUN and nothing else", () => {
  const directory = context(`FROM ${IMAGE}
RUN --mount=type=secret,id=token,target=/tmp/token cat /tmp/token > /dev/null && test "$(stat -c %a /tmp/token)" = 400 && wc -c < /tmp/token
RUN --mount=type=secret,id=token,env=TOKEN test -n "$TOKEN"
RUN --mount=type=secret,id=absent ls /run/secrets 2>/dev/null | wc -l
`);
  const file = join(directory, "secret-file");
  writeFileSync(file, "hunter2-never-stored");
  const said = build(directory, "-t", "secretive", "--secret", `id=token,src=${file}`);
  expect(said).toContain("\n20\n");
  const found = run(["grep", "-rlaF", "hunter2-never-stored", "/var/lib/containers/coracle", "/run/containers"]);
  expect(found.out).toBe("");
  expect(podman("build", "--network", "none", "--no-cache", context(`FROM ${IMAGE}\nRUN --mount=type=secret,id=no,required=true true\n`)).err).toContain('secret required but no secret with id "no" found');
});

test("here-documents are scripts and files", () => {
  const directory = context(`FROM ${IMAGE}
ENV WHO=world
RUN <<EOF
echo one > /script
echo two >> /script
EOF
RUN <<'EOF' cat > /quoted
$WHO
EOF
RUN <<EOF
#!/bin/sh
echo shebang > /shebang
EOF
COPY <<one.txt <<"two.txt" /docs/
hello $WHO
one.txt
hello $WHO
two.txt
`);
  build(directory, "-t", "heredocs");
  expect(inImage("heredocs", "cat /script /quoted /shebang /docs/one.txt /docs/two.txt")).toBe("one\ntwo\n$WHO\nshebang\nhello world\nhello $WHO");
});

test("mistakes in a Containerfile are told with their line", () => {
  for (const [text, reason] of [
    ["FROM scratch\nCOPPY a b\n", /Unknown instruction: "COPPY" in line 2, column 1/],
    ["RUN true\n", /no FROM statement found/],
    ["FROM scratch\nENV a\n", /ENV must have two arguments \(line 2\)/],
    ["FROM scratch\nRUN --moutn=x true\n", /RUN only supports the --mount and --network flag/],
    ["FROM a b c d\n", /FROM requires either one argument, or three/],
    ["FROM scratch\nRUN <<EOF\ntrue\n", /EOF: unterminated heredoc/],
    ["# escape=x\nFROM scratch\n", /invalid ESCAPE 'x'/],
    ["FROM scratch AS a\nCOPY --from=later /x /y\nFROM scratch AS later\nCOPY --from=a /x /y\n", /--from=later: no stage or image found with that name/],
  ] as const) {
    const { status, err } = podman("build", "--pull=never", context(text));
    expect(status).toBe(125);
    expect(err).toMatch(reason);
  }
  expect(podman("build", join(process.env["CORACLE_WORLD"]!, "tmp", "nowhere")).err).toContain("no such file or directory");
});

test("one layer instead of many with --squash and --layers=false", () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo 1 > /1\nRUN echo 2 > /2; rm /1\n`);
  const base = inspected(IMAGE).RootFS.Layers.length;
  build(directory, "-t", "layered");
  build(directory, "-t", "single", "--layers=false");
  build(directory, "-t", "squashed", "--squash");
  build(directory, "-t", "alone", "--squash-all");
  const count = (image: string): number => inspected(image).RootFS.Layers.length;
  expect([count("layered"), count("single"), count("squashed"), count("alone")]).toEqual([base + 2, base + 1, base + 1, 1]);
  for (const image of ["layered", "single", "squashed", "alone"]) expect(inImage(image, "cat /2; ls /1 2>/dev/null || echo gone")).toBe("2\ngone");
});

test("fixed times give the same image twice, whatever the files' own times", () => {
  const text = `FROM ${IMAGE}\nCOPY data /data\nRUN echo x > /made; mkdir /dir\n`;
  const ids = [0, 1].map(() => {
    const directory = context(text, { data: "same" });
    return build(directory, "-q", "--no-cache", "--source-date-epoch", "1700000000", "--rewrite-timestamp");
  });
  expect(ids[0]).toBe(ids[1]!);
  expect(existsSync(`${storeRoot}/coracle`)).toBe(true);
});

test("a cache in a registry serves a store that has nothing", () => {
  const directory = context(`FROM ${IMAGE}\nCOPY data /data\nRUN echo once > /once\n`, { data: "1" });
  const first = build(directory, "--cache-to", "127.0.0.1:5000/cache/of", "-t", "cached");
  expect(first.match(/--> Pushing cache/g)).toHaveLength(2);
  ok("rmi", "-fa");
  ok("pull", "-q", IMAGE);
  const second = build(directory, "--cache-from", "127.0.0.1:5000/cache/of", "-t", "cached");
  expect(second.match(/--> Cache pulled from remote 127\.0\.0\.1:5000\/cache\/of:[0-9a-f]{64}/g)).toHaveLength(2);
  expect(second.match(/--> Using cache/g)).toHaveLength(2);
  expect(inImage("cached", "cat /once")).toBe("once");
  ok("rmi", "-fa");
  const begun = run(["podman", "build", directory]);
  expect(`${begun.out}${begun.err}`).toContain("Trying to pull");
  expect(begun.out.split("\n")[0]).toBe(`STEP 1/3: FROM ${IMAGE}`);
  const twice = context(`FROM ${IMAGE} AS one\nRUN echo same >/same\nFROM ${IMAGE}\nRUN echo same >/same\nCOPY --from=one /same /other\n`);
  const places = ["127.0.0.1:5000/cache/two", "127.0.0.1:5000/cache/three"];
  const sent = build(twice, "--jobs", "1", ...places.flatMap(place => ["--cache-to", place]), "-t", "twice");
  expect(sent.match(/--> Pushing cache \[127\.0\.0\.1:5000\/cache\/two 127\.0\.0\.1:5000\/cache\/three\]/g)).toHaveLength(2);
  ok("rmi", "-fa");
  ok("pull", "-q", IMAGE);
  expect(build(twice, "--jobs", "1", "--cache-from", places[1]!, "-t", "twice").match(/--> Cache pulled from remote/g)).toHaveLength(2);
  expect(podman("build", "--cache-from", "127.0.0.1:5000/cache/of:tag", directory).err).toContain("repository must contain neither a tag nor digest");
});

test("a failing step says where it stands and what it said last, and opens a shell where one is asked for", () => {
  const directory = context(`FROM ${IMAGE}\n\nRUN echo reason; mkdir /left; exit 3\n`);
  const { status, err } = podman("build", "--network", "none", directory);
  expect(status).toBe(3);
  expect(err).toContain("line 3 failed with status 3: RUN echo reason; mkdir /left; exit 3\n  it printed last:\n    | reason\n");
  const looked = run(["podman", "build", "--network", "none", "--on-fail", "shell", directory], { input: "ls -d /left\n" });
  expect(looked.status).toBe(3);
  expect(looked.out).toContain("/left");
});

test("independent stages run at the same time, and say what they say in their order", () => {
  const stage = (name: string): string => `FROM ${IMAGE} AS ${name}\nRUN echo ${name} began $(cut -d. -f1 /proc/uptime); sleep 2; echo ${name} ended $(cut -d. -f1 /proc/uptime)\n`;
  const directory = context(`${stage("one")}${stage("two")}FROM scratch\nCOPY --from=one /etc/passwd /1\nCOPY --from=two /etc/passwd /2\n`);
  const said = build(directory, "--no-cache", "--jobs", "2");
  const at = (what: string): number => Number(new RegExp(`^${what} (\\d+)$`, "m").exec(said)![1]);
  expect(at("two began")).toBeLessThan(at("one ended"));
  expect(at("one began")).toBeLessThan(at("two ended"));
  expect(said.indexOf("one ended")).toBeLessThan(said.indexOf("[2/3] STEP 1/2"));
  expect(said.indexOf("[2/3] STEP 1/2")).toBeLessThan(said.indexOf("two ended"));
});

test("a step that two stages come to at once runs once", () => {
  const stage = (name: string): string => `FROM ${IMAGE} AS ${name}\nRUN sleep 1; echo once >> /told; echo ran\n`;
  const said = build(context(`${stage("one")}${stage("two")}FROM scratch\nCOPY --from=one /told /1\nCOPY --from=two /told /2\n`), "--jobs", "2");
  expect(said.match(/^ran$/gm)).toHaveLength(1);
  expect(said.match(/--> Using cache/g)).toHaveLength(1);
});

test("an interrupted build leaves nothing running and nothing half-made", async () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo begun; sleep 300\n`);
  const running = begin(["podman", "build", "--network", "none", "-t", "halfway", directory]);
  await until("the step to begin", () => running.out().includes("\nbegun\n"));
  running.child.kill("SIGTERM");
  expect(await running.exited).toBe(143);
  expect(run(["pgrep", "-f", "sleep 300"]).out).toBe("");
  expect(podman("image", "exists", "halfway").status).toBe(1);
  expect(readdirSync(`${storeRoot}/coracle/staging`)).toEqual([]);
});

test("a build that was killed is swept away by the next command", async () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo begun; sleep 301\n`);
  const running = begin(["podman", "build", "--network", "none", directory]);
  await until("the step to begin", () => running.out().includes("\nbegun\n"));
  running.child.kill("SIGKILL");
  await running.exited;
  run(["pkill", "-KILL", "-f", "sleep 301"]);
  await until("the step to end", () => run(["pgrep", "-f", "sleep 301"]).out === "");
  ok("images");
  const store = `${storeRoot}/coracle`;
  expect([...readdirSync(`${store}/staging`), ...readdirSync(`${store}/roots`)]).toEqual([]);
  expect(run(["grep", "-c", `${store}/roots`, "/proc/mounts"]).out.trim()).toBe("0");
});

test("a step that runs again says why, and --plan says it without running", () => {
  const directory = context(`FROM ${IMAGE}\nARG V=1\nCOPY src /src\nRUN echo $V > /v\n`, { "src/a.txt": "1", "src/b.txt": "1" });
  build(directory);
  writeFileSync(join(directory, "src/b.txt"), "22");
  writeFileSync(join(directory, "src/c.txt"), "new");
  const before = ok("images", "-aq");
  const planned = ok("build", "--plan", directory);
  expect(planned).toContain("--> Would use cache");
  expect(planned).toContain("--> Runs again: b.txt has changed, c.txt is new");
  expect(planned.match(/--> Would run/g)).toHaveLength(2);
  expect(ok("images", "-aq")).toBe(before);
  expect(build(directory)).toContain("--> Runs again: b.txt has changed, c.txt is new");
  expect(build(directory, "--build-arg", "V=2")).toContain("--> Runs again: argument V has changed");
  expect(build(directory)).not.toContain("Runs again");
});

test("--check finds mistakes without building, --call answers, and --metadata-file says what was built", () => {
  const directory = context(`FROM ${IMAGE} AS one\nMAINTAINER me\nCMD run\n`);
  const { status, out } = podman("build", "--check", directory);
  expect(status).toBe(1);
  expect(out).toMatch(/Containerfile:2: MaintainerDeprecated: .*; write LABEL/);
  expect(out).toContain("3 warnings found");
  expect(ok("build", "--call", "targets", directory)).toBe("one");
  const good = context(`FROM ${IMAGE.replace("latest", "1")}\nRUN true\n`);
  expect(ok("build", "--check", good)).toContain("Check complete, no warnings found");
  const file = join(directory, "metadata.json");
  const id = build(directory, "-q", "-t", "described", "--metadata-file", file, "--load", "--progress", "plain");
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ "containerimage.config.digest": `sha256:${id}`, "image.name": "localhost/described:latest" });
  expect(podman("build", "--call", "nothing", directory).err).toContain('unknown --call "nothing"');
});

test("options that cannot be done are refused by name", () => {
  const directory = context(`FROM ${IMAGE}\n`);
  for (const option of ["--cw=x", "--log-rusage"]) {
    const { status, err } = podman("build", option, directory);
    expect(status).toBe(125);
    expect(err).toContain(option.split("=")[0]!);
  }
});

test("outputs go to a directory, an archive and standard output", () => {
  const directory = context(`FROM scratch\nCOPY data /below/data\n`, { data: "out" });
  build(directory, "-o", join(directory, "local"), "-o", `type=tar,dest=${join(directory, "all.tar")}`, "-o", `type=oci,dest=${join(directory, "image.tar")}`);
  expect(readFileSync(join(directory, "local/below/data"), "utf8")).toBe("out");
  expect(run(["tar", "-tf", join(directory, "all.tar")]).out).toBe("below/\nbelow/data\n");
  expect(run(["tar", "-tf", join(directory, "image.tar")]).out).toContain("oci-layout");
  expect(run(["bash", "-c", `podman build -o - ${directory} 2>/dev/null | tar -xO below/data`]).out).toBe("out");
  expect(podman("build", "-o", "type=wrong,dest=x", directory).err).toContain('invalid type "wrong"');
});

test("caches stay from build to build, and bind mounts of stages are never written", () => {
  const directory = context(`FROM ${IMAGE} AS base
RUN mkdir /tools; echo tool > /tools/t
FROM ${IMAGE}
RUN --mount=type=cache,target=/cache,id=counter echo x >> /cache/n; wc -l < /cache/n > /count
RUN --mount=type=bind,from=base,source=/tools,target=/t,rw rm /t/t; ls /cache 2>/dev/null | wc -l
RUN --mount=type=bind,from=base,source=/tools,target=/t test -f /t/t
RUN --mount=type=tmpfs,target=/scratch,size=1m touch /scratch/x
`);
  for (const count of ["1", "2"]) expect(inImage(build(directory, "-q", "--no-cache"), "cat /count; ls -d /cache /scratch /t 2>/dev/null || true")).toBe(count);
});

test("what is added from elsewhere is checked", async () => {
  const files = context("", { "file.txt": "served\n" });
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: request => (new URL(request.url).pathname === "/file.txt" ? new Response(Bun.file(join(files, "file.txt"))) : new Response("", { status: 404 })) });
  try {
    const address = `http://127.0.0.1:${server.port}`;
    const sum = run(["sha256sum", join(files, "file.txt")]).out.slice(0, 64);
    const attempt = async (line: string) => {
      const running = begin(["podman", "build", "-t", "added", context(`FROM scratch\n${line}\n`)]);
      return { status: await running.exited, err: running.err() };
    };
    expect((await attempt(`ADD --checksum=sha256:${sum} ${address}/file.txt /f`)).status).toBe(0);
    const mounted = fromCaller(mustRun(unshared("podman", "image", "mount", "added")));
    expect(readFileSync(join(mounted, "f"), "utf8")).toBe("served\n");
    mustRun(unshared("podman", "image", "unmount", "added"));
    expect((await attempt(`ADD --checksum=sha256:${"0".repeat(64)} ${address}/file.txt /f`)).err).toContain("unexpected response digest");
    expect((await attempt(`ADD ${address}/gone /f`)).err).toContain("invalid response status 404");
  } finally {
    await server.stop(true);
  }
});

test("images of several platforms become one manifest list", () => {
  const directory = context("FROM scratch\nCOPY data /data\nLABEL a=b\n", { data: "any" });
  const said = build(directory, "--platform", "linux/amd64,linux/arm64", "--manifest", "many");
  expect(said).toContain("[linux/amd64] STEP 1/3: FROM scratch");
  expect(said).toContain("[linux/arm64] STEP 3/3: LABEL a=b");
  const { manifests } = JSON.parse(ok("manifest", "inspect", "many"));
  expect(manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture)).toEqual(["amd64", "arm64"]);
});

test.if(world === "root")("a disk that fills up while a step is committed leaves nothing half-made", () => {
  const small = join(process.env["CORACLE_WORLD"]!, "tmp", "small");
  mkdirSync(small, { recursive: true });
  expect(run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small]).status).toBe(0);
  const here = (...words: string[]) => run(["podman", "--root", `${small}/root`, "--runroot", `${small}/run`, ...words]);
  try {
    expect(here("pull", "-q", IMAGE).status).toBe(0);
    const directory = context(`FROM ${IMAGE}\nRUN dd if=/dev/urandom of=/big bs=1M count=13 2>/dev/null\n`);
    const { status, err } = here("build", "--network", "none", "-t", "big", directory);
    expect(status).toBe(125);
    expect(err).toMatch(/no space left|ENOSPC/i);
    expect(here("image", "exists", "big").status).toBe(1);
    expect(here("images", "-aq").out.trim().split("\n")).toHaveLength(1);
    for (const place of ["staging", "roots", "blobs/partial"]) expect(readdirSync(`${small}/root/${place}`)).toEqual([]);
  } finally {
    run(["umount", "-l", small]);
  }
});

test("without a context the first Containerfile's directory is it", () => {
  const directory = context("FROM scratch\nCOPY beside /\n", { beside: "x" });
  const ran = run(["podman", "build", "-q", "-t", "beside", "-f", `${directory}/Containerfile`], { cwd: "/" });
  expect([ran.status, ran.err]).toEqual([0, ""]);
  const inside = run(["podman", "build", "-q", "-f", "Containerfile"], { cwd: directory });
  expect([inside.status, inside.err]).toEqual([0, ""]);
});
