// make faults, second part: fifty processes at once for as long as is asked for; prints what it counted and found.
// run-crowd.ts [SECONDS]     In a world of its own; writes out/faults/crowd.json.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok } from "../fixtures/coracle.ts";
import { top } from "../fixtures/place.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { crowd, fillRegistry, manyAtOnce } from "./crowd.ts";
import { traces } from "./traces.ts";

const registry = await startRegistry();
await fillRegistry(registry);
ok("run", "--rm", "-p", "8080:80", "127.0.0.1:5000/base:latest", "true");
const before = traces();
const { commands, counts, refused, slowestMs, slowest, problems } = await crowd({ members: 50, seconds: Number(process.argv[2] ?? 300) }, before);
const many = await manyAtOnce(100);
ok("rm", "-fa", "-t", "0");
for (const problem of [...problems, ...many]) console.log(problem);
console.log(`${commands} commands of fifty members, ${refused} refused as another had taken what they asked for, slowest ${slowestMs} ms (${slowest}), ${problems.length} with a problem; a hundred run -d at once: ${many.length} with a problem`);
mkdirSync(join(top, "out/faults"), { recursive: true });
writeFileSync(join(top, "out/faults/crowd.json"), JSON.stringify({ commands, counts, refused, slowestMs, problems, many }, undefined, 2));
await registry.stop();
process.exit(problems.length + many.length > 0 ? 1 : 0);
