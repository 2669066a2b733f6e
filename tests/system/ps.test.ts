// podman ps: columns, filters, formats, and that it never waits.
// Source: podman-ps(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { begin, ok, podman, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry();

test("running ones by default, all with -a, IDs with -q", () => {
  const one = ok("run", "-d", "--network", "none", "--name", "one", IMAGE, "sleep", "100");
  const two = ok("create", "--network", "none", "--name", "two", "-l", "kind=boat", IMAGE);
  expect(ok("ps", "-q", "--no-trunc")).toBe(one);
  expect(ok("ps", "-aq", "--no-trunc").split("\n").sort()).toEqual([one, two].sort());
  expect(ok("ps", "-a").split("\n")[0]).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES *$/);
  expect(ok("ps", "-a", "--filter", "label=kind=boat", "--format", "{{.Names}}")).toBe("two");
  expect(ok("ps", "-a", "--filter", "status=created", "--format", "{{.Names}}")).toBe("two");
  expect(ok("ps", "-a", "--filter", "name=on", "--format", "{{.Names}} {{.Image}}")).toBe(`one ${IMAGE}`);
  expect(ok("ps", "-a", "--format", "table {{.Names}} {{.State}}", "--sort", "names").split("\n").map(line => line.trim().split(/\s+/)))
    .toEqual([["NAMES", "STATE"], ["one", "running"], ["two", "created"]]);
  const rows = JSON.parse(ok("ps", "-a", "--format", "json")) as { Id: string; Names: string[]; State: string }[];
  expect(rows.map(row => `${row.Names[0]} ${row.State}`).sort()).toEqual(["one running", "two created"]);
  expect(ok("ps", "-l", "--format", "{{.Names}}")).toBe("two");
  expect(ok("ps", "-n", "1", "--format", "{{.Names}}")).toBe("two");
});

test("a wrong filter, template or flag is one clear error", () => {
  ok("create", "--name", "some", IMAGE);
  for (const words of [["--filter", "nosuch=1"], ["--format", "{{.Nosuch}}"], ["--format", "{{"], ["--nosuch"]]) {
    const ran = podman("ps", "-a", ...words);
    expect([words, ran.status, ran.err]).toEqual([words, 125, expect.stringMatching(/^Error: /)]);
  }
});

test("ps does not wait for a pull that hangs", async () => {
  const blackHole = Bun.listen({ hostname: "127.0.0.1", port: 5055, socket: { data() {} } });
  const pulling = begin(["podman", "pull", "--tls-verify=false", "127.0.0.1:5055/never"]);
  try {
    await Bun.sleep(300);
    const begun = Date.now();
    ok("ps", "-a");
    expect(Date.now() - begun).toBeLessThan(2_000);
  } finally {
    pulling.child.kill("SIGKILL");
    await pulling.exited;
    blackHole.stop(true);
  }
  expect(registry().address).toBe("127.0.0.1:5000");
});

test("a container that exits is seen as exited without any watcher of ours", async () => {
  ok("run", "-d", "--network", "none", "--name", "brief", IMAGE, "sh", "-c", "exit 3");
  await until("its end", () => /Exited \(3\)/.test(ok("ps", "-a")));
});

test("--notruncate and --no-truncate are --no-trunc", () => {
  const id = ok("create", "--network", "none", "--name", "whole", IMAGE);
  for (const flag of ["--no-trunc", "--notruncate", "--no-truncate"]) expect(ok("ps", "-a", flag, "--filter", "name=whole", "--format", "{{.ID}}")).toBe(id);
  ok("rm", "whole");
});
