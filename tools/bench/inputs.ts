// What the benchmark works on: registries with images, contexts of builds, limits that this machine allows.

import * as fs from "node:fs";
import * as path from "node:path";
import { image, type Phase } from "./rows.ts";

/** Images in the registry that all read from; a second registry takes what is pushed. */
export async function startRegistries(names: readonly Phase["name"][]): Promise<() => Promise<void>> {
  const { startRegistry } = await import("../../tests/fixtures/registry.ts");
  const { busybox, heavy, perl } = await import("../../tests/fixtures/images.ts");
  const source = await startRegistry();
  const target = await startRegistry({ port: 5001 });
  await source.push(busybox(), "busybox");
  if (names.includes("transfer")) {
    await source.push(heavy(7, 43), "heavy");
    await source.push(heavy(1, 300), "single");
    await source.push(heavy(40, 1), "many");
    await source.push(heavy(7, 150), "gigabyte");
    await source.push(heavy(7, 43, { form: "oci", compression: "zstd" }), "zstd");
    for (const megabytes of [21, 22, 23]) await source.push(heavy(3, megabytes), `some-${megabytes}`);
  }
  if (names.includes("skopeo")) for (let tag = 0; tag < 30; tag++) await source.push(busybox({ config: { Labels: { tag: String(tag) } } }), "tags", `t${tag}`);
  if (names.includes("transfer") || names.includes("skopeo")) await source.push(heavy(3, 20), "some-20");
  if (names.includes("checkpoint")) await source.push(perl(), "perl");
  return async () => {
    await source.stop();
    await target.stop();
  };
}

/** What the copied database is made by. */
export function writeDatabaseContext(): void {
  fs.mkdirSync("/tmp/bench-database", { recursive: true });
  const fill = "redis-cli debug populate 1000000 key 100 && redis-cli save; redis-cli shutdown nosave";
  fs.writeFileSync("/tmp/bench-database/Containerfile", `FROM bench-redis
RUN mkdir /data && (redis-server --enable-debug-command yes --save "" --dir /data &) && until redis-cli ping; do sleep 0.1; done; ${fill}
CMD ["redis-server", "--dir", "/data", "--save", "", "--protected-mode", "no"]
`);
}

/** Contexts of the builds, where both programs see them. */
export function writeContexts(): void {
  const write = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  };
  const steps = Array.from({ length: 5 }, (_, at) => `RUN echo ${at} > /made-${at}\nENV STEP=${at}\n`).join("");
  write("/tmp/bench-steps/Containerfile", `FROM ${image}\n${steps}`);
  write("/tmp/bench-stages/Containerfile", `FROM ${image} AS one\nRUN sleep 2\nFROM ${image} AS two\nRUN sleep 2\nFROM scratch\nCOPY --from=one /etc/passwd /1\nCOPY --from=two /etc/passwd /2\n`);
  write("/tmp/bench-files/Containerfile", "FROM scratch\nCOPY files /files\n");
  for (let at = 0; at < 20_000; at++) {
    const file = `/tmp/bench-files/files/${at % 200}/${at}.txt`;
    if (at < 200) fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `file ${at}\n`.repeat(20));
  }
}

/** Limits that are allowed here; both programs' defaults may be above the hard ones. */
export function allowLimits(): void {
  fs.mkdirSync("/etc/containers/containers.conf.d", { recursive: true });
  fs.mkdirSync("/etc/containers/registries.conf.d", { recursive: true });
  fs.writeFileSync("/etc/containers/registries.conf.d/bench.conf", '[[registry]]\nlocation = "127.0.0.1:5001"\ninsecure = true\n');
  const hard = (letter: string): string => Bun.spawnSync(["bash", "-c", `ulimit -H${letter}`]).stdout.toString().trim();
  const nofile = hard("n");
  if (nofile === "unlimited") return;
  const nproc = hard("u") === "unlimited" ? "" : `, "nproc=${hard("u")}:${hard("u")}"`;
  fs.writeFileSync("/etc/containers/containers.conf.d/bench.conf", `[containers]\ndefault_ulimits = ["nofile=${nofile}:${nofile}"${nproc}]\n`);
}
