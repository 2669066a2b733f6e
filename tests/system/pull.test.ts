// podman pull: every form of image, choice of platform, resuming, policies, TLS, credentials, short names.
// Source: podman-pull(1), containers-registries.conf(5), containers-auth.json(5).

import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, ok, onTerminal, podman, run } from "../fixtures/coracle.ts";
import { architecture, makeIndex } from "../fixtures/image.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder, worldFolder } from "../fixtures/place.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { withRegistry } from "../fixtures/store.ts";

const registry = withRegistry([]);
const here = (name: string): string => `127.0.0.1:5000/${name}`;

for (const form of ["oci", "docker"] as const) {
  for (const compression of ["gzip", "zstd", "none"] as const) {
    test(`an ${form} image with ${compression} layers is pulled, run and keeps its digest`, async () => {
      const image = busybox({ form, compression, config: { Labels: { case: `${form}-${compression}` } } });
      await registry().push(image, `${form}-${compression}`);
      expect(ok("pull", "-q", here(`${form}-${compression}`))).toBe(image.id);
      expect(ok("image", "inspect", "--format", "{{.Digest}}", image.id)).toBe(image.digest);
      expect(ok("run", "--rm", "--network", "none", image.id, "echo", "runs")).toBe("runs");
      ok("rmi", "-f", image.id);
    });
  }
}

test("an index leads to this machine's platform, and --platform to another", async () => {
  const mine = busybox({ config: { Labels: { of: "mine" } } });
  const other = busybox({ architecture: "s390x", config: { Labels: { of: "other" } } });
  for (const image of [mine, other]) await registry().push(image, "many", image.digest);
  await registry().push(makeIndex([{ image: other, architecture: "s390x" }, { image: mine, architecture }]), "many");
  expect(ok("pull", "-q", here("many"))).toBe(mine.id);
  expect(ok("pull", "-q", "--platform", "linux/s390x", here("many"))).toBe(other.id);
  const missing = podman("pull", "--platform", "linux/mips", here("many"));
  expect(missing.status).toBe(125);
  expect(missing.err).toMatch(/no image found in .* for architecture|no matching/i);
  ok("rmi", "--all", "--force");
});

test("an image is pulled by digest and keeps that name", async () => {
  const image = busybox({ config: { Labels: { by: "digest" } } });
  await registry().push(image, "pinned");
  expect(ok("pull", "-q", `${here("pinned")}@${image.digest}`)).toBe(image.id);
  expect(podman("image", "exists", `${here("pinned")}@${image.digest}`).status).toBe(0);
  ok("rmi", image.id);
});

test("an unknown media type is refused by name", async () => {
  const image = busybox({ layerMediaType: "application/vnd.example.strange+squash" });
  await registry().push(image, "strange");
  const ran = podman("pull", here("strange"));
  expect(ran.status).toBe(125);
  expect(ran.err).toContain("application/vnd.example.strange+squash");
  expect(ok("images", "-q")).toBe("");
});

test("a missing image and a missing registry are one clear error each", () => {
  const image = podman("pull", here("nosuch"));
  expect(image.status).toBe(125);
  expect(image.err).toMatch(/manifest unknown|name unknown|not found/i);
  const host = podman("pull", "--retry", "0", "--tls-verify=false", "127.0.0.1:9/nosuch");
  expect(host.status).toBe(125);
  expect(host.err).toMatch(/connection refused|unable to connect/i);
  expect(podman("pull", "Not A Name").err).toMatch(/invalid reference format/);
});

test("progress goes to stderr, the ID to stdout, and -q is quiet", () => {
  const loud = podman("pull", "ubi8");
  expect(loud.out).toMatch(/^[0-9a-f]{64}\n$/);
  expect(loud.err).toMatch(/Copying blob [\s\S]*Copying config [\s\S]*Writing manifest/);
  expect(loud.err).not.toContain("\x1b");
  expect(podman("pull", "-q", "ubi8").err).toBe("");
  expect(podman("pull", "--policy", "never", here("busybox")).status).toBe(125);
});

test("a registry with a password and its own authority: login's files, certs.d, REGISTRY_AUTH_FILE, a helper", async () => {
  const closed = await startRegistry({ port: 5443, tls: true, user: { name: "anna", password: "pass:word" } });
  const name = `${closed.address}/busybox`;
  try {
    await closed.push(busybox(), "busybox");
    expect(podman("pull", "--retry", "0", name).err).toMatch(/certificate|tls/i);
    expect(podman("pull", "--tls-verify=false", name).err).toMatch(/authentication required|unauthorized/i);
    mustRun(["bash", "-c", `mkdir -p /etc/containers/certs.d/${closed.address} && cp ${closed.authority} /etc/containers/certs.d/${closed.address}/ca.crt`]);
    expect(podman("pull", "-q", name).status).toBe(125);
    expect(podman("pull", "-q", "--creds", "anna:wrong", name).err).not.toContain("wrong");
    ok("pull", "-q", "--creds", "anna:pass:word", name);
    const auth = join(newFolder(), "auth.json");
    writeFileSync(auth, JSON.stringify({ auths: { [closed.address]: { auth: btoa("anna:pass:word") } } }));
    mustRun(["podman", "pull", "-q", name], { env: { REGISTRY_AUTH_FILE: auth } });
    ok("pull", "-q", "--authfile", auth, name);
    mkdirSync(join(worldFolder(), "home/.docker"), { recursive: true });
    writeFileSync(join(worldFolder(), "home/.docker/config.json"), JSON.stringify({ auths: { [closed.address]: { auth: btoa("anna:pass:word") } } }));
    ok("pull", "-q", name);
    writeFileSync(join(worldFolder(), "home/.docker/config.json"), JSON.stringify({ credHelpers: { [closed.address]: "tests" } }));
    const helpers = newFolder("helpers");
    writeFileSync(join(helpers, "docker-credential-tests"), `#!/bin/sh\ncat >/dev/null\necho '{"Username":"anna","Secret":"pass:word"}'\n`);
    chmodSync(join(helpers, "docker-credential-tests"), 0o755);
    mustRun(["podman", "pull", "-q", name], { env: { PATH: `${process.env["PATH"]}:${helpers}` } });
  } finally {
    run(["rm", "-f", join(worldFolder(), "home/.docker/config.json")]);
    await closed.stop();
  }
});

const twoPlaces = `unqualified-search-registries = ["127.0.0.1:5000", "127.0.0.1:5001"]
short-name-mode = "enforcing"
[[registry]]
location = "127.0.0.1:5000"
insecure = true
[[registry]]
prefix = "mirrored.test/sea"
location = "127.0.0.1:9"
insecure = true
[[registry.mirror]]
location = "127.0.0.1:5000"
insecure = true
[[registry]]
location = "blocked.test"
blocked = true
`;

test("a short name of several places: without a terminal the command to type, with one a prompt", async () => {
    ok("rmi", "--all", "--force");
  const conf = join(newFolder(), "registries.conf");
  writeFileSync(conf, twoPlaces);
  const env = { CONTAINERS_REGISTRIES_CONF: conf };
  const ran = run(["podman", "pull", "busybox"], { env });
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/short-name/);
  expect(ran.err).toContain("podman pull 127.0.0.1:5000/busybox");
  const terminal = onTerminal(["podman", "pull", "busybox"], { env });
  await terminal.see(/select an image/i);
  terminal.type("\r");
  expect(await terminal.end()).toBe(0);
  expect(podman("image", "exists", here("busybox")).status).toBe(0);
});

test("mirrors are asked first and blocked places never", () => {
  const conf = join(newFolder(), "registries.conf");
  writeFileSync(conf, twoPlaces);
  const env = { CONTAINERS_REGISTRIES_CONF: conf };
  expect(mustRun(["podman", "pull", "-q", "mirrored.test/sea/busybox"], { env })).toMatch(/^[0-9a-f]{64}$/);
  const blocked = run(["podman", "pull", "blocked.test/x"], { env });
  expect(blocked.status).toBe(125);
  expect(blocked.err).toMatch(/blocked/);
  writeFileSync(conf, "unqualified-search-registries = [\n");
  expect(run(["podman", "pull", "busybox"], { env }).err).toContain(conf);
});
