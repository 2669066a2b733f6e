// docker-daemon over TLS: the authority and client certificate of --src-cert-dir, by Docker's names. The image side is tested elsewhere.

import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../../../tests/fixtures/docker-registry.ts";
import { daemonSource } from "./daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "coracle-daemon-"));
makeCertificates(folder);
const certDir = join(folder, "docker");
mkdirSync(certDir);
for (const [from, to] of [["ca.crt", "ca.pem"], ["client.crt", "cert.pem"], ["client.key", "key.pem"]]) copyFileSync(join(folder, from!), join(certDir, to!));
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: {
    cert: readFileSync(join(folder, "server.crt"), "utf8"), key: readFileSync(join(folder, "server.key"), "utf8"),
    ca: readFileSync(join(folder, "ca.crt"), "utf8"), requestCert: true, rejectUnauthorized: true,
  },
  fetch: () => Response.json({ message: "No such image: x:1" }, { status: 404 }),
});
afterAll(() => {
  void server.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

for (const scheme of ["tcp", "https"]) {
  test(`${scheme}:// is TLS, and a daemon that wants a client certificate gets it`, async () => {
    const system = { daemonHost: `${scheme}://127.0.0.1:${server.port}`, certDir };
    await expect(daemonSource("x:1", system)).rejects.toThrow("No such image: x:1");
  });
}

test("an authority that is not known is refused", async () => {
  await expect(daemonSource("x:1", { daemonHost: `tcp://127.0.0.1:${server.port}` })).rejects.toThrow("Cannot connect to the Docker daemon");
});
