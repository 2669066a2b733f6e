// The system group: disk use, prune, check, reset, migrate, renumber, the boot service; and what is refused by name.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("df counts images, containers and volumes, and what could be had back", () => {
  ok("create", "--name", "stopped", "-v", "data:/data", IMAGE, "true");
  const rows = JSON.parse(ok("system", "df", "--format", "json"));
  expect(rows.map(({ Type, Total, Active }: Record<string, unknown>) => [Type, Total, Active])).toEqual([["Images", 1, 1], ["Containers", 1, 0], ["Local Volumes", 1, 1]]);
  expect(rows[0].RawSize).toBe(Number(ok("image", "inspect", "--format", "{{.Size}}", IMAGE)));
  expect(rows[0].Reclaimable).toBe("0B (0%)");
  expect(ok("system", "df").split("\n")[0]).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$/);
  expect(ok("system", "df", "-v")).toMatch(/Images space usage:\n\nREPOSITORY +TAG[^]*Containers space usage:\n\nCONTAINER ID[^]* stopped\n[^]*\ndata +1 +0B/);
  expect(podman("system", "df", "-v", "--format", "json").err).toContain("cannot combine --format and --verbose flags");
});

test("prune takes what nothing uses, and asks first", () => {
  ok("create", "--name", "gone", IMAGE, "true");
  ok("run", "-d", "--network", "none", "--name", "stays", IMAGE, "sleep", "100");
  ok("network", "create", "unused");
  ok("volume", "create", "empty");
  expect(podman("system", "prune").out).toContain("Are you sure you want to continue? [y/N]");
  expect(podman("container", "exists", "gone").status).toBe(0);
  const pruned = ok("system", "prune", "--force");
  expect(pruned).toMatch(/Deleted Containers\n[0-9a-f]{64}\n[^]*Deleted Networks\nunused\nTotal reclaimed space: /);
  expect(podman("container", "exists", "stays").status).toBe(0);
  expect(podman("volume", "exists", "empty").status).toBe(0);
  expect(ok("system", "prune", "--force", "--volumes")).toContain("Deleted Volumes\n");
  expect(podman("volume", "exists", "empty").status).toBe(1);
  expect(podman("image", "exists", IMAGE).status).toBe(0);
});

test("check finds what is missing or changed, and repairs by taking it away", () => {
  expect(podman("system", "check")).toMatchObject({ status: 0, out: "" });
  ok("tag", IMAGE, "damaged");
  const { RootFS } = JSON.parse(ok("image", "inspect", "damaged"))[0];
  expect(RootFS.Layers).toHaveLength(1);
  const id = ok("create", "--name", "holder", IMAGE, "true");
  const upper = ok("inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", id);
  rmSync(upper.replace(/\/diff$|\/upper$/, ""), { recursive: true });
  const quick = podman("system", "check", "--quick");
  expect(quick.status).toBe(125);
  expect(quick.out).toContain(`Damaged Container ${id}`);
  expect(quick.err).toContain("damage detected in local storage");
  expect(podman("system", "check", "--repair").status).toBe(125);
  expect(podman("system", "check", "--repair", "--force")).toMatchObject({ status: 0, err: "" });
  expect(podman("system", "check").status).toBe(0);
});

test("migrate changes the runtime of every container, renumber has nothing to do", () => {
  const id = ok("create", "--name", "moved", "--runtime", "crun", IMAGE, "true");
  expect(podman("system", "migrate", "--new-runtime", "no-such").status).toBe(125);
  const migrated = podman("system", "migrate", "--new-runtime", "runc");
  if (migrated.status === 0) {
    expect(migrated.out).toContain(`Migrated ${id} to OCI runtime runc`);
    expect(ok("inspect", "--format", "{{.OCIRuntime}}", "moved")).toBe("runc");
  } else expect(migrated.err).toContain("not found");
  expect(podman("system", "migrate", "--migrate-db").err).toContain("cannot use --migrate-db");
  ok("system", "renumber");
});

test("the boot service starts those that ask for it, with this store", () => {
  const shown = ok("system", "service-install", "--by", "systemd", "--dry-run");
  expect(shown).toContain("# /etc/systemd/system/coracle-restart.service");
  expect(shown).toMatch(/ExecStart=\S+ --root \/var\/lib\/containers\/coracle .* start --all --filter should-start-on-boot=true/);
  expect(existsSync("/etc/systemd/system/coracle-restart.service")).toBe(false);
  const always = ok("create", "--name", "always", "--restart", "always", IMAGE, "sleep", "100");
  ok("create", "--name", "never", IMAGE, "sleep", "100");
  expect(ok("start", "--all", "--filter", "should-start-on-boot=true")).toBe(always);
  if (!existsSync("/etc/cron.d")) return;
  const written = run(["podman", "system", "service-install", "--by", "cron"]);
  expect(written.out).toBe("/etc/cron.d/coracle-restart\n");
  expect(readFileSync("/etc/cron.d/coracle-restart", "utf8")).toContain("@reboot root ");
  ok("system", "service-install", "--by", "cron", "--remove");
  expect(existsSync("/etc/cron.d/coracle-restart")).toBe(false);
});

for (const line of [["kube", "play", "x.yaml"], ["pod", "create"], ["generate", "systemd", "x"], ["machine", "init"], ["system", "service"], ["auto-update"], ["compose", "up"], ["quadlet", "list"]]) {
  test(`what this build lacks is refused by name: podman ${line.join(" ")}`, () => {
    const ran = podman(...line);
    expect(ran.status).toBe(125);
    expect(ran.err).toContain(`cannot run "podman ${line.slice(0, ["auto-update", "compose"].includes(line[0]!) ? 1 : 2).join(" ")}"`);
  });
}

test("reset asks, then takes everything of ours and leaves what others put there", () => {
  ok("run", "-d", "--network", "none", IMAGE, "sleep", "100");
  ok("volume", "create", "kept");
  expect(podman("system", "reset").out).toContain("- all containers");
  expect(ok("volume", "ls", "-q")).toContain("kept");
  expect(existsSync("/var/cache/containers/coracle-notes")).toBe(true);
  ok("system", "reset", "--force");
  expect(existsSync("/var/cache/containers/coracle-notes")).toBe(false);
  expect(existsSync("/var/lib/containers/coracle")).toBe(false);
  expect(ok("ps", "-aq") + ok("images", "-q") + ok("volume", "ls", "-q")).toBe("");
});
