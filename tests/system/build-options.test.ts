// podman build: what surrounds the instructions: hooks, bills of materials, all platforms of a base, keys, retries.
// Source: podman-build(1), buildah-build(1), oci-hooks(5).

import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, context, inImage, inspected } from "../fixtures/context.ts";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { architecture, makeImage, makeIndex } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { gpgSigners } from "../fixtures/trust.ts";
import { tarOf } from "../fixtures/tar.ts";

const registry = withRegistry();

test("hooks of --hooks-dir run at their stage of each RUN, and a wrong one stops the build", () => {
  const directory = context(`FROM ${IMAGE}\nRUN true\n`);
  const seen = join(directory, "seen");
  const program = join(directory, "hook.sh");
  writeFileSync(program, `#!/bin/sh\ncat > ${seen}\n`);
  chmodSync(program, 0o755);
  const hook = (text: object): string => context("", { "one.json": JSON.stringify({ version: "1.0.0", hook: { path: program }, when: { always: true }, ...text }) });
  build(directory, "--no-cache", "--hooks-dir", hook({ stages: ["prestart"] }));
  expect(JSON.parse(readFileSync(seen, "utf8"))).toHaveProperty("ociVersion");
  const { status, err } = podman("build", "--no-cache", "--network", "none", "--hooks-dir", hook({ stages: ["never"] }), directory);
  expect([status, err]).toEqual([125, expect.stringContaining('unknown stage "never"')]);
});

test("a bill of materials is made by a scanner's image, merged, kept on the host and in the image", () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo built > /made\n`, { "in-context": "" });
  const bill = (what: string, purl: string): string =>
    `test -e ${what} && echo '{"components": [{"name": "${purl}", "purl": "pkg:x/${purl}"}, {"name": "both"}]}' > {OUTPUT}`;
  const [host, purls] = [join(directory, "bill.json"), join(directory, "purls.json")];
  const scan = [
    `--sbom-scanner-image=${IMAGE}`, `--sbom-scanner-command=${bill("{ROOTFS}/made", "b")}`, `--sbom-scanner-command=${bill("{CONTEXT}/in-context", "a")}`,
    "--sbom-merge-strategy=merge-cyclonedx-by-component-name-and-version", `--sbom-output=${host}`, `--sbom-purl-output=${purls}`,
    "--sbom-image-output=/root/new/bill.json", "--sbom-image-purl-output=/root/purls.json",
  ];
  for (const how of [[], ["--layers=false"], ["--squash-all"]]) {
    build(directory, "-t", "billed", ...how, ...scan);
    expect(JSON.parse(readFileSync(host, "utf8")).components.map(({ name }: { name: string }) => name)).toEqual(["b", "both", "a"]);
    expect(JSON.parse(readFileSync(purls, "utf8"))).toEqual({ image_contents: { dependencies: ["pkg:x/a", "pkg:x/b"] } });
    expect(inImage("billed", "cat /made /root/new/bill.json /root/purls.json")).toBe(`built\n${readFileSync(host, "utf8")}${readFileSync(purls, "utf8").trim()}`);
    if (how[0] === "--squash-all") expect(inspected("billed").RootFS.Layers).toHaveLength(1);
    expect(existsSync("/.rootfs")).toBe(false);
  }
});

test("buildah commit scans too, and a scanner that fails leaves no image", () => {
  const name = mustRun(["buildah", "from", IMAGE]);
  const host = `${process.env["CORACLE_WORLD"]}/tmp/committed.txt`;
  const scan = (command: string) => run(["buildah", "commit", "-q", "--sbom-scanner-image", IMAGE, "--sbom-scanner-command", command, "--sbom-merge-strategy", "cat",
    "--sbom-output", host, "--sbom-image-output", "/bill", name, "scanned"]);
  expect(scan("echo {ROOTFS} > {OUTPUT}").status).toBe(0);
  expect(inImage("scanned", "cat /bill")).toBe("/.rootfs");
  ok("rmi", "-f", "scanned");
  expect(scan("sh -c 'exit 3' {ROOTFS}").err).toContain("running scanning command");
  expect(scan("true {ROOTFS}").err).toContain("the scanner wrote no bill of materials");
  expect(podman("image", "exists", "scanned").status).toBe(1);
  mustRun(["buildah", "rm", name]);
});

test("options of bills that say too little are refused", () => {
  const directory = context(`FROM ${IMAGE}\n`);
  const refused = (...options: string[]): string => podman("build", ...options, directory).err;
  expect(refused("--sbom=guess", "--sbom-output=x")).toContain('unrecognized preset name "guess"');
  expect(refused("--sbom=syft")).toContain("--sbom-output");
  expect(refused("--sbom-scanner-image=x", "--sbom-output=x")).toContain("--sbom-scanner-command");
  expect(refused("--sbom-scanner-image=x", "--sbom-scanner-command=a", "--sbom-scanner-command=b", "--sbom-output=x")).toContain("--sbom-merge-strategy");
  expect(refused("--sbom-scanner-image=x", "--sbom-scanner-command=a", "--sbom-merge-strategy=mix", "--sbom-output=x")).toContain('unrecognized merge strategy "mix"');
});

test("--all-platforms builds for each platform that the bases have in common", async () => {
  const layers = [tarOf([{ name: "base", body: "base" }])];
  const other = architecture === "arm64" ? "s390x" : "arm64";
  const images = [architecture, other, "unheard-of"].map(one => ({ image: makeImage({ layers, architecture: one }), architecture: one }));
  for (const [repository, some] of [["many", images], ["two", images.slice(0, 2)]] as const) {
    for (const one of some) await registry().push(one.image, repository, one.architecture);
    await registry().push(makeIndex(some), repository, "1");
  }
  const directory = context("ARG WHICH=many\nFROM 127.0.0.1:5000/two:1 AS first\nFROM 127.0.0.1:5000/$WHICH:1\nCOPY --from=first base /copied\n");
  const said = build(directory, "--all-platforms", "--manifest", "listed");
  expect(said).toContain(`[linux/${other}] `);
  const entries = JSON.parse(ok("manifest", "inspect", "listed")).manifests as { platform: { architecture: string } }[];
  expect(entries.map(({ platform }) => platform.architecture).sort()).toEqual([architecture, other].sort());
  const refused = podman("build", "--all-platforms", context(`FROM ${IMAGE}\n`));
  expect([refused.status, refused.err]).toEqual([125, expect.stringContaining("didn't resolve to a manifest list")]);
  expect(podman("build", "--all-platforms", context("FROM scratch\n")).err).toContain("no non-scratch base images");
});

test("what cannot be reached is tried again where --retry asks for it", () => {
  const directory = context("FROM scratch\nADD http://127.0.0.1:9/file /\n");
  const { status, err } = podman("build", "--retry", "2", "--retry-delay", "10ms", directory);
  expect(status).toBe(125);
  expect(err).toMatch(/retrying in 10ms \.\.\. \(2\/2\)/);
  expect(podman("build", directory).err).not.toContain("retrying");
  const conf = `${newFolder("conf")}/retry.conf`;
  writeFileSync(conf, "[engine]\nretry = 10\n");
  for (const verb of ["podman build", "podman manifest push", "buildah from", "buildah pull", "buildah push", "buildah add"]) {
    const help = (env: Record<string, string>): string => run([...verb.split(" "), "--help"], { env }).out;
    expect(help({ CONTAINERS_CONF_OVERRIDE: conf })).toMatch(/--retry .*\(default 10\)/);
    expect(help({})).toMatch(/--retry .*\(default 3\)/);
  }
});

test("--sign-by keeps a signature with the image, by build and by commit, that goes where it is pushed", () => {
  const keys = gpgSigners("alice");
  const signed = (name: string): boolean => {
    const kept = newFolder("signed");
    mustRun(["podman", "push", "-q", name, `dir:${kept}`]);
    return existsSync(`${kept}/signature-1`);
  };
  const directory = context(`FROM ${IMAGE}\nRUN true\n`);
  const sign = (...options: string[]) => run(["podman", "build", "--network", "none", "--sign-by", keys.address("alice"), ...options, directory], { env: keys.env });
  expect(sign("-t", "127.0.0.1:5000/built").status).toBe(0);
  expect(signed("127.0.0.1:5000/built")).toBe(true);
  expect(sign().err).toContain("Cannot determine canonical Docker reference");
  const name = mustRun(["buildah", "from", IMAGE]);
  mustRun(["buildah", "commit", "-q", "--sign-by", keys.address("alice"), name, "127.0.0.1:5000/committed"], { env: keys.env });
  expect(signed("127.0.0.1:5000/committed")).toBe(true);
  const sent = newFolder("sent");
  mustRun(["buildah", "push", "-q", "127.0.0.1:5000/committed", `dir:${sent}`]);
  expect(existsSync(`${sent}/signature-1`)).toBe(true);
  for (const asked of [["--compression-format", "zstd"], ["--compression-level", "9"]]) {
    expect(run(["buildah", "push", "-q", ...asked, "127.0.0.1:5000/committed", `dir:${newFolder("sent")}`]).err).toContain("cannot copy signatures");
  }
  mustRun(["buildah", "rm", name]);
});
