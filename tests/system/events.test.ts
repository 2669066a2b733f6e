// Events: what is written of each act, and how it is asked for.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { begin, ok, podman, run, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const past = (...words: string[]): string[] => ok("events", "--stream=false", ...words).split("\n").filter(Boolean);

test("a container's life is told in order, with its exit code and labels", () => {
  podman("run", "--rm", "--network", "none", "--name", "told", "--label", "k=v w", IMAGE, "sh", "-c", "exit 17");
  expect(past("--filter", "container=told", "--format", "{{.Status}}")).toEqual(["create", "init", "attach", "start", "died", "cleanup", "remove"]);
  const [died] = past("--filter", "container=told", "--filter", "event=die", "--format", "json").map((line) => JSON.parse(line));
  expect(died).toMatchObject({ ContainerExitCode: 17, Name: "told", Status: "died", Type: "container", Attributes: { k: "v w" } });
  expect(typeof died.timeNano).toBe("number");
  expect(past("--filter", "label=k=v w", "--filter", "status=start")[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.* container start [0-9a-f]{64} \(image=.*, name=told, k=v w\)$/);
  expect(past("--filter", "label=k=other")).toEqual([]);
});

test("images, volumes and networks are told too", () => {
  ok("tag", IMAGE, "other:1");
  ok("untag", IMAGE, "other:1");
  ok("volume", "create", "vol");
  ok("volume", "rm", "vol");
  ok("network", "create", "net");
  ok("network", "rm", "net");
  expect(past("--filter", "type=image", "--format", "{{.Status}}").slice(-2)).toEqual(["tag", "untag"]);
  const built = run(["podman", "build", "-q", "-"], { input: `FROM ${IMAGE}\nLABEL a=b\n` }).out.trim();
  expect(past("--filter", "event=build", "--format", "{{.Type}} {{.Name}}").slice(-1)).toEqual([`image ${built}`]);
  expect(past("--filter", "type=volume", "--format", "{{.Status}} {{.Name}}").slice(-2)).toEqual(["create vol", "remove vol"]);
  expect(past("--filter", "type=network", "--format", "{{.Status}} {{.Network}}").slice(-2)).toEqual(["create net", "remove net"]);
});

test("a stream goes on with what happens, and ends at --until", async () => {
  const stream = begin(["podman", "events", "--format", "{{.Status}} {{.Name}}", "--filter", "type=volume", "--until", "8s"]);
  await Bun.sleep(700);
  ok("volume", "create", "streamed");
  await until("the event", () => stream.out().includes("create streamed\n"), 5000);
  expect(await stream.exited).toBe(0);
  ok("volume", "rm", "streamed");
});

test("since and until bound what is shown, and nonsense is refused", () => {
  expect(past("--since", "1h", "--filter", "type=volume").length).toBeGreaterThan(0);
  expect(past("--since", "2100-01-01")).toEqual([]);
  expect(past("--since", "2000-01-01", "--until", "2000-01-02")).toEqual([]);
  expect(podman("events", "--stream=false", "--since", "the dawn of time").err).toContain("failed to parse event filters");
  expect(podman("events", "--stream=false", "--filter", "abc=1").err).toContain("abc is an invalid filter");
  expect(podman("--events-backend", "none", "events").err).toContain('cannot read events with the "none" backend');
});

test("a file that grows too long keeps its newer half", () => {
  const file = `${tmpdir()}/events-rotated`;
  writeFileSync(`${tmpdir()}/events.conf`, `[engine]\nevents_logfile_path="${file}"\nevents_logfile_max_size=1000\n`);
  const env = { CONTAINERS_CONF_OVERRIDE: `${tmpdir()}/events.conf` };
  for (let round = 0; round < 12; round++) run(["podman", "volume", "create", `v${round}`], { env });
  const kept = run(["podman", "events", "--stream=false", "--format", "{{.Status}} {{.Name}}"], { env }).out.trim().split("\n");
  expect(kept[0]).toBe(`log-rotation ${file}`);
  expect(kept.at(-1)).toBe("create v11");
  expect(kept).not.toContain("create v0");
});
