// What options of build make of the image, its history, labels and times; which contexts and stages they read; where the build tells of itself.
// Source: podman-build(1), buildah-build(1).

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { build, context, inImage, inspected } from "../fixtures/context.ts";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry();

const manifestOf = (image: string): Record<string, any> => {
  const folder = `${newFolder("built")}/oci`;
  ok("push", "-q", image, `oci:${folder}:x`);
  const [{ digest }] = JSON.parse(readFileSync(`${folder}/index.json`, "utf8")).manifests;
  return JSON.parse(readFileSync(`${folder}/blobs/${digest.replace(":", "/")}`, "utf8"));
};
const configOf = (image: string): Record<string, any> => {
  const folder = `${newFolder("built")}/dir`;
  ok("push", "-q", image, `dir:${folder}`);
  const { config } = JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8"));
  return JSON.parse(readFileSync(`${folder}/${config.digest.slice(7)}`, "utf8"));
};
const made = (containerfile: string, ...options: string[]): string => build(context(containerfile), "-q", ...options);

test("build: --label --annotation --layer-label --identity-label --created-annotation", () => {
  const id = made(`FROM ${IMAGE}\nLABEL own=1\nENV A=1\n`, "--no-cache", "--label", "given=2", "--label", "own=3", "--annotation", "note=x", "--layer-label", "between=4");
  const { Labels } = inspected(id).Config;
  expect(Labels).toMatchObject({ own: "3", given: "2", "io.buildah.version": expect.any(String) });
  expect(Labels.between).toBeUndefined();
  const layers = ok("images", "-aq", "--no-trunc", "--filter", "label=between=4").split("\n").filter(Boolean);
  expect(layers.length).toBeGreaterThan(0);
  const { annotations } = manifestOf(id);
  expect(annotations).toMatchObject({ note: "x", "org.opencontainers.image.created": expect.stringMatching(/^\d{4}-/) });
  const bare = made(`FROM ${IMAGE}\nENV A=2\n`, "--identity-label=false", "--created-annotation=false");
  expect(inspected(bare).Config.Labels?.["io.buildah.version"]).toBeUndefined();
  expect(manifestOf(bare)["annotations"]?.["org.opencontainers.image.created"]).toBeUndefined();
});

test("build: --inherit-labels --inherit-annotations --unsetlabel --unsetannotation --unsetenv", () => {
  made(`FROM ${IMAGE}\nLABEL one=1 two=2\nENV KEEP=k GO=g\n`, "-t", "base", "--identity-label=false", "--annotation", "first=1", "--annotation", "second=2");
  const labels = (...options: string[]): string[] => Object.keys(inspected(made("FROM base\nLABEL three=3\n", "--identity-label=false", ...options)).Config.Labels ?? {}).sort();
  expect(labels()).toEqual(["one", "three", "two"]);
  expect(labels("--inherit-labels=false")).toEqual(["three"]);
  expect(labels("--unsetlabel", "one")).toEqual(["three", "two"]);
  const annotations = (...options: string[]): string[] => Object.keys(manifestOf(made("FROM base\nLABEL four=4\n", "--created-annotation=false", ...options))["annotations"] ?? {}).filter(name => !name.includes(".")).sort();
  expect(annotations()).toEqual(["first", "second"]);
  expect(annotations("--inherit-annotations=false")).toEqual([]);
  expect(annotations("--unsetannotation", "first")).toEqual(["second"]);
  const names = (image: string): string[] => inspected(image).Config.Env.map((line: string) => line.split("=")[0]).filter((name: string) => /KEEP|GO/.test(name)).sort();
  expect([names(made("FROM base\nLABEL five=5\n")), names(made("FROM base\nLABEL five=5\n", "--unsetenv", "GO"))]).toEqual([["GO", "KEEP"], ["KEEP"]]);
});

test("build: --os-feature --os-version --variant --omit-history --timestamp", () => {
  const id = made(`FROM ${IMAGE}\nRUN echo x >/file\n`, "--os-version", "10.0", "--os-feature", "win32k", "--variant", "v3", "--no-cache", "--omit-history");
  const config = configOf(id);
  expect(config).toMatchObject({ "os.version": "10.0", "os.features": ["win32k"], variant: "v3" });
  expect(config["history"] ?? []).toEqual([]);
  const stamped = made(`FROM ${IMAGE}\nRUN echo x >/file\n`, "--no-cache", "--timestamp", "86400");
  expect(configOf(stamped)["created"]).toBe("1970-01-02T00:00:00Z");
  expect(inImage(stamped, "stat -c %Y /file")).toBe("86400");
  expect(made(`FROM ${IMAGE}\nRUN echo x >/file\n`, "--no-cache", "--timestamp", "86400")).toBe(stamped);
  expect(podman("build", "--timestamp", "yesterday", context(`FROM ${IMAGE}\n`)).err).toContain("yesterday");
});

test("build: --build-arg-file --build-context --ignorefile --cpp-flag", () => {
  const directory = context(`FROM ${IMAGE}\nARG WHO\nARG WHERE=here\nCOPY --from=other data /data\nCOPY . /all\nRUN echo "$WHO $WHERE" >/who\n`, { "kept.txt": "kept", "left.txt": "left", "own.ignore": "left.txt\n", "args.conf": "# who\nWHO=somebody\nWHERE=there\n" });
  const other = context("", { data: "of the other context" });
  const id = build(directory, "-q", "--build-arg-file", `${directory}/args.conf`, "--build-arg", "WHERE=elsewhere", "--build-context", `other=${other}`, "--ignorefile", `${directory}/own.ignore`);
  expect(inImage(id, "cat /who /data; echo; ls /all").split("\n").filter(line => !/ignore|args|Containerfile/.test(line))).toEqual(["somebody elsewhere", "of the other context", "kept.txt"]);
  const fromImage = build(context(`FROM ${IMAGE}\nCOPY --from=other /who /copied\n`), "-q", "--build-context", `other=container-image://${id}`);
  expect(inImage(fromImage, "cat /copied")).toBe("somebody elsewhere");
  const failing = (...options: string[]): string => podman("build", "--network", "none", ...options, directory).err;
  expect(failing("--build-arg-file", "/no/such")).toContain("/no/such");
  expect(failing("--build-context", "other=/no/such")).toContain("/no/such");
  expect(failing("--ignorefile", "/no/such", "--build-context", `other=${other}`)).toContain("/no/such");
  const processed = context("", { "Containerfile.in": `FROM ${IMAGE}\n#ifdef BOAT\nENV IS=BOAT\n#else\nENV IS=none\n#endif\n` });
  const is = (...options: string[]): string => inspected(build(processed, "-q", "-f", `${processed}/Containerfile.in`, ...options)).Config.Env.find((line: string) => line.startsWith("IS="));
  expect([is(), is("--cpp-flag=-DBOAT=coracle")]).toEqual(["IS=none", "IS=coracle"]);
});

test("build: --cache-ttl --no-cache-filter --skip-unused-stages --force-rm --compat-volumes", () => {
  const stages = context(`FROM ${IMAGE} AS one\nRUN echo $RANDOM$RANDOM >/one\nFROM ${IMAGE} AS unused\nRUN echo unused-ran >/two\nFROM one AS last\nRUN cat /one; echo $RANDOM$RANDOM >/three\n`);
  const numbers = (...options: string[]): string[] => inImage(build(stages, "-q", "-t", "staged", ...options), "cat /one /three").split("\n");
  const first = numbers();
  expect(numbers()).toEqual(first);
  const filtered = numbers("--no-cache-filter", "last");
  expect([filtered[0] === first[0], filtered[1] === first[1]]).toEqual([true, false]);
  expect(numbers("--cache-ttl", "1h")).toEqual(filtered);
  expect(numbers("--cache-ttl", "1ns")).not.toEqual(filtered);
  expect(podman("build", "--cache-ttl", "soon", stages).err).toContain("soon");
  const ran = (...options: string[]): boolean => build(stages, "--no-cache", ...options).includes("unused-ran");
  expect([ran(), ran("--skip-unused-stages=false")]).toEqual([false, true]);
  const volume = context(`FROM ${IMAGE}\nRUN mkdir /vol && echo first >/vol/file\nVOLUME /vol\nRUN echo second >/vol/file\n`);
  const kept = (...options: string[]): string => inImage(build(volume, "-q", "--no-cache", ...options), "cat /vol/file");
  expect([kept(), kept("--compat-volumes")]).toEqual(["second", "first"]);
  for (const option of ["--force-rm", "--rm"]) {
    expect(podman("build", "--network", "none", "--no-cache", option, context(`FROM ${IMAGE}\nRUN false\n`)).err).toContain('building at STEP "RUN false"');
  }
  expect(mustRun(["buildah", "containers", "-q"])).toBe("");
});

test("build: --rm=false keeps a working container of each step, --force-rm=false the one of a step that fails, as it left it", () => {
  const buildah = (...words: string[]): string => mustRun(["buildah", ...words]);
  const kept = (): string[] => buildah("containers", "--format", "{{.ContainerName}}").split("\n").filter(Boolean);
  const good = context(`FROM ${IMAGE}\nRUN echo one >/one\nENV A=b\nRUN echo two >/two\n`);
  ok("build", "-q", "--network", "none", "--rm=false", good);
  expect(kept()).toEqual(["127.0.0.1-working-container", "127.0.0.1-working-container-1", "127.0.0.1-working-container-2"]);
  expect(buildah("run", "127.0.0.1-working-container-2", "cat", "/one", "/two")).toBe("one\ntwo");
  expect(run(["buildah", "run", "127.0.0.1-working-container", "cat", "/two"]).status).not.toBe(0);
  buildah("rm", "-a");
  ok("build", "-q", "--network", "none", "--rm=false", "--layers=false", good);
  expect(kept()).toEqual(["127.0.0.1-working-container"]);
  buildah("rm", "-a");
  const bad = context(`FROM ${IMAGE}\nRUN echo one >/one\nRUN echo half >/half && false\n`);
  for (const options of [["--force-rm=false"], ["--rm=false", "--layers=false"], ["--force-rm=false", "--layers=false"]]) {
    const failed = podman("build", "--network", "none", "--no-cache", ...options, bad);
    expect(failed.status).toBe(1);
    const name = kept().at(-1)!;
    expect(failed.out).toContain(`--> Left working container ${name}: look into it with: buildah run ${name} sh`);
    expect(buildah("run", name, "cat", "/one", "/half")).toBe("one\nhalf");
    expect(buildah("commit", "-q", name, "localhost/half")).toMatch(/^[0-9a-f]{64}$/);
    expect(inImage("localhost/half", "cat /half")).toBe("half");
    buildah("rm", "-a");
  }
  ok("build", "-q", "--network", "none", "--force-rm=false", good);
  expect(podman("build", "--force-rm=false", context(`FROM ${IMAGE}\nCOPY none /\n`)).status).toBe(125);
  expect(kept()).toHaveLength(1);
  buildah("rm", "-a");
  expect(podman("build", "-q", "--force-rm=false", context("FROM scratch\nCOPY none /\n")).status).toBe(125);
  expect(kept()).toEqual(["working-container"]);
  buildah("rm", "-a");
});

test("build: --iidfile --logfile --logsplit --disable-compression --compress", async () => {
  const folder = newFolder("told");
  const directory = context(`FROM ${IMAGE}\nRUN echo in-the-log\n`);
  ok("build", "-q", "--no-cache", "--network", "none", "-t", "identified", "--iidfile", `${folder}/iid`, directory);
  expect(readFileSync(`${folder}/iid`, "utf8")).toBe(`sha256:${inspected("identified").Id}`);
  expect(podman("build", "--iidfile", "/no/such/folder/iid", directory).err).toContain("/no/such/folder/iid");
  const logged = run(["podman", "build", "--no-cache", "--network", "none", "--logfile", `${folder}/log`, directory]);
  expect([logged.status, logged.out.includes("in-the-log")]).toEqual([0, false]);
  expect(readFileSync(`${folder}/log`, "utf8")).toMatch(/STEP 2\/2[^]*in-the-log/);
  const split = run(["podman", "build", "--no-cache", "--network", "none", "--platform", "linux/amd64", "--logfile", `${folder}/log`, "--logsplit", directory]);
  expect([split.status, existsSync(`${folder}/log_linux_amd64`)]).toEqual([0, true]);
  expect(readFileSync(`${folder}/log_linux_amd64`, "utf8")).toContain("in-the-log");
  const type = (...options: string[]): string => {
    const target = `${newFolder("layers")}/oci`;
    build(directory, "-q", "--no-cache", ...options, "-t", `oci:${target}:x`);
    const [{ digest }] = JSON.parse(readFileSync(`${target}/index.json`, "utf8")).manifests;
    return JSON.parse(readFileSync(`${target}/blobs/${digest.replace(":", "/")}`, "utf8")).layers.at(-1).mediaType.split(".").at(-1);
  };
  expect([type("--disable-compression=false"), type("--compress", "--disable-compression=false")]).toEqual(["tar+gzip", "tar+gzip"]);
  expect(type("--disable-compression")).toMatch(/^tar$|^tar\+gzip$/);
  expect(registry().address).toBe("127.0.0.1:5000");
});
