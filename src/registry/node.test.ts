// The room under Node: bundled for it, loaded by it, used against a real registry.

import { afterAll, beforeAll, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import { freePort, hasDockerRegistry, startRegistry, type TestRegistry } from "../../tests/fixtures/docker-registry.ts";

const node = Bun.which("node");
const directory = fs.mkdtempSync(`${os.tmpdir()}/coracle-node-`);
const canRun = Boolean(node) && hasDockerRegistry;
let plain: TestRegistry | undefined;
let locked: TestRegistry | undefined;

beforeAll(async () => {
  if (!canRun) return;
  const built = await Bun.build({ entrypoints: [`${import.meta.dir}/index.ts`], target: "node", format: "esm", outdir: directory, naming: "registry.mjs" });
  expect(built.success).toBe(true);
  plain = await startRegistry({ login: { username: "u", password: "p" } });
  locked = await startRegistry({ tls: true });
  fs.mkdirSync(`${directory}/ca`);
  fs.copyFileSync(locked.caFile, `${directory}/ca/ca.crt`);
});
afterAll(async () => {
  await plain?.stop();
  await locked?.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

async function underNode(script: string, env: Record<string, string> = {}): Promise<string> {
  fs.writeFileSync(`${directory}/script.mjs`, `import * as registry from "./registry.mjs";\n${script}`);
  // Node 18 tries but the first address of a name, which for localhost may be IPv6; the registry of the tests has IPv4 alone.
  const child = Bun.spawn([node!, "--dns-result-order=ipv4first", `${directory}/script.mjs`], { stdout: "pipe", stderr: "pipe", env: { PATH: process.env["PATH"], HOME: directory, ...env } });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return (out + err).trim();
}

test.skipIf(!canRun)("push, list, read and delete work", async () => {
  const said = await underNode(`
    const client = registry.newRegistryClient({ host: "${plain!.host}", insecure: true, intent: "push", credentials: { username: "u", password: "p" } });
    async function* source() { for (let i = 0; i < 100; i++) yield new Uint8Array(10_000).fill(i); }
    const { digest, size } = await client.pushBlob("a/b", source());
    const config = await client.pushBlob("a/b", new TextEncoder().encode("{}"));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const manifest = { schemaVersion: 2, mediaType, config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config }, layers: [] };
    await client.putManifest("a/b", "v1", { bytes: new TextEncoder().encode(JSON.stringify(manifest)), mediaType });
    const found = await client.manifest("a/b", "v1");
    let read = 0;
    for await (const chunk of (await client.blob("a/b", digest, { size })).stream) read += chunk.length;
    console.log(size, read, found.mediaType === mediaType, await client.tags("a/b"), await client.deleteManifest("a/b", "v1") === found.digest);
  `);
  expect(said).toBe("1000000 1000000 true [ 'v1' ] true");
});

test.skipIf(!canRun)("what fails, fails with the same words", async () => {
  const closed = freePort();
  const said = await underNode(`
    const say = fault => console.log(fault.code, "|", fault.message);
    await registry.newRegistryClient({ host: "${plain!.host}" }).ping().catch(say);
    await registry.newRegistryClient({ host: "127.0.0.1:${closed}" }).ping().catch(say);
    await registry.newRegistryClient({ host: "${plain!.host}", insecure: true }).tags("a").catch(say);
    await registry.newRegistryClient({ host: "${locked!.host}" }).ping().catch(say);
    await registry.newRegistryClient({ host: "${locked!.host}", certDir: "${directory}/ca" }).ping().catch(say);
  `);
  const lines = said.split("\n");
  expect(lines[0]).toEndWith("http: server gave HTTP response to HTTPS client");
  expect(lines[1]).toEndWith(`dial tcp 127.0.0.1:${closed}: connect: connection refused`);
  expect(lines[2]).toBe("registry.denied | fetching tags list: authentication required");
  expect(lines[3]).toEndWith("x509: certificate signed by unknown authority");
  expect(lines[4]).toStartWith(`usage.unsupported | pinging container registry ${locked!.host}: cannot use the certificates of`);
});

test.skipIf(!canRun)("configuration and credentials are read, and TOML faults have their place", async () => {
  fs.writeFileSync(`${directory}/registries.conf`, 'unqualified-search-registries = ["r.test"]\n[[registry]]\nlocation = "r.test"\n[[registry.mirror]]\nlocation = "m.test"\n');
  fs.writeFileSync(`${directory}/broken.conf`, "a = 1\nb = \n");
  const said = await underNode(`
    const conf = registry.readRegistriesConf({ file: "${directory}/registries.conf", dir: "${directory}/none" });
    console.log(registry.endpointsFor(conf, "r.test/a:1").map(endpoint => endpoint.host).join());
    await registry.storeCredentials("r.test", { username: "u", password: "p" }, { authFile: "${directory}/auth.json" });
    console.log((await registry.findCredentials("r.test/a", { authFile: "${directory}/auth.json" })).username);
    try { registry.readRegistriesConf({ file: "${directory}/broken.conf" }); } catch (fault) { console.log(fault.code, fault.message); }
  `);
  expect(said.split("\n").slice(0, 2)).toEqual(["m.test,r.test", "u"]);
  expect(said).toContain(`config.invalid cannot read "${directory}/broken.conf": ${directory}/broken.conf:2:`);
});

test.skipIf(!canRun)("the authority may come by NODE_EXTRA_CA_CERTS", async () => {
  const script = `await registry.newRegistryClient({ host: "${locked!.host}" }).ping(); console.log("in");`;
  expect(await underNode(script, { NODE_EXTRA_CA_CERTS: locked!.caFile })).toBe("in");
});
