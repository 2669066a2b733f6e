// podman doctor: whether it names the cause of faults that are planted for real, mends what it says it can, and changes nothing else.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, statSync } from "node:fs";
import { coracle, ok, podman, run, storeListing, type Ran } from "../fixtures/coracle.ts";
import { plantedFaults, prelude, type PlantedFault } from "../fixtures/faults.ts";
import { startRegistry, type Registry } from "../fixtures/registry.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { makeUser, type User } from "../fixtures/user.ts";

withRegistry();

let someone: User;
const registries: Registry[] = [];
beforeAll(async () => {
  someone = makeUser("someone", 3000, { ranges: "300000:65536" });
  registries.push(await startRegistry({ port: 5001, tls: true }), await startRegistry({ port: 5002, user: { name: "me", password: "right" } }));
});
afterAll(async () => {
  for (const registry of registries) await registry.stop();
});

interface Told {
  readonly findings: readonly { code: string; severity: string; evidence: string; next: string; canFix: boolean }[];
  readonly well: readonly string[];
  readonly passedOver: readonly string[];
}

/** The doctor's words in mount namespaces where the fault is. */
function examined({ plant, env = {}, asUser = false, ownNetwork = false }: Omit<PlantedFault, "name" | "code">, ...words: string[]): Ran {
  const settings = Object.entries(env).map(([name, value]) => `${name}='${value}'`).join(" ");
  const call = `${asUser ? `${someone.prefix.join(" ")} ` : "env "}${settings} podman doctor --format json ${words.join(" ")}`;
  const script = `${prelude}\n${plant}\n${asUser ? "cd /" : ""}\n${call}`;
  return run(["unshare", "--mount", "--propagation", "private", ...(ownNetwork ? ["--net"] : []), "bash", "-c", script]);
}

function told(ran: Ran): Told {
  try {
    return JSON.parse(ran.out) as Told;
  } catch {
    throw new Error(`it said no JSON: status ${ran.status}\n${ran.out}${ran.err}`);
  }
}

/** What is wrong with this very machine, which may lack what only some tests need. */
const own = new Map<boolean, Set<string>>();
function ownFindings(asUser: boolean): Set<string> {
  const known = own.get(asUser) ?? new Set(told(examined({ plant: "", asUser })).findings.map(({ code }) => code));
  own.set(asUser, known);
  return known;
}

test("on a machine where everything works no error is found, and nothing is changed", () => {
  ok("create", "--network", "none", "--name", "kept", IMAGE, "true");
  const before = storeListing();
  const { status, out } = podman("doctor", "--format", "json");
  const { findings, well } = JSON.parse(out) as Told;
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  expect({ status, many: well.length > 50 }).toEqual({ status: 0, many: true });
  expect(storeListing()).toEqual(before);
  expect(coracle("doctor").out).toMatch(/^[0-9]+ checks are well, 0 errors/m);
});

test("there are sixty faults and more", () => expect(plantedFaults.length).toBeGreaterThanOrEqual(60));

for (const fault of plantedFaults) {
  test(`${fault.name}: ${fault.code}`, () => {
    if (fault.code === "store.damaged-container") ok("create", "--network", "none", IMAGE, "true");
    const { findings } = told(examined(fault));
    const known = ownFindings(fault.asUser ?? false);
    const found = findings.filter(({ code }) => code === fault.code || !known.has(code));
    // The cause comes first, before what follows from it.
    expect(found[0]?.code).toBe(fault.code);
    expect(found[0]!.evidence.length).toBeGreaterThan(10);
    expect(found[0]!.next).not.toBe("");
    expect(found.length).toBeLessThanOrEqual(3);
  });
}

test("a database that someone keeps locked is told within seconds, and by whom", () => {
  const db = new Database("/var/lib/containers/coracle/coracle.db");
  db.run("BEGIN IMMEDIATE");
  const { findings } = told(examined({ plant: "" }));
  db.run("ROLLBACK");
  db.close();
  expect(findings.filter(({ severity }) => severity === "error")).toMatchObject([{ code: "store.locked", evidence: expect.stringContaining(`${process.pid} (`) }]);
});

test("--fix mends what can be mended, and says so", () => {
  const folder = "/var/lib/containers/coracle";
  chmodSync(folder, 0o777);
  run(["sh", "-c", `mkdir ${folder}/layers/${"0".repeat(64)} && rm -rf $(ls -d ${folder}/layers/*/ | head -1)`]);
  const damaged = told(podman("doctor", "--format", "json"));
  expect(damaged.findings.filter(({ canFix }) => canFix).map(({ code }) => code).sort()).toEqual(expect.arrayContaining(["store.open-to-others"]));
  const { status, out } = podman("doctor", "--fix");
  expect(out).toContain("mended: store.open-to-others");
  expect({ status, mode: statSync(folder).mode & 0o777 }).toEqual({ status: 0, mode: 0o755 });
  expect(podman("system", "check", "--quick")).toMatchObject({ status: 0, out: "" });
});

test("an unknown format and operands are refused", () => {
  expect(podman("doctor", "--format", "xml")).toMatchObject({ status: 125, err: expect.stringContaining('unknown --format value "xml"') });
  expect(podman("doctor", "everything").status).toBe(125);
});
