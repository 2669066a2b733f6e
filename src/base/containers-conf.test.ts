// What containers.conf files say together, and what is refused.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readContainersConf } from "./containers-conf.ts";

const directory = mkdtempSync("/tmp/conf-");
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(`${directory}/${name}`, text);
  return `${directory}/${name}`;
}

test("the override adds to lists that ask for it and replaces the rest", () => {
  const base = write("base.conf", `[containers]\nenv = ["A=1"]\ndns_servers = ["9.9.9.9"]\npids_limit = 10\n[engine.runtimes]\ncrun = ["/opt/crun"]\n`);
  const over = write("over.conf", `[containers]\nenv = ["B=2", {append = true}]\ndns_servers = ["1.1.1.1"]\n[engine.runtimes]\nrunc = ["/opt/runc"]\n`);
  const conf = readContainersConf({ env: { CONTAINERS_CONF: base, CONTAINERS_CONF_OVERRIDE: over } });
  expect(conf.containers).toEqual({ env: ["A=1", "B=2"], dns_servers: ["1.1.1.1"], pids_limit: 10 });
  expect(conf.engine.runtimes).toEqual({ crun: ["/opt/crun"], runc: ["/opt/runc"] });
  expect(conf.files).toEqual([base, over]);
});

test("an unknown key warns and does not stop the rest", () => {
  const file = write("unknown.conf", `[containers]\nno_such_thing = 1\numask = "0027"\n`);
  const conf = readContainersConf({ env: { CONTAINERS_CONF: file } });
  expect(conf.containers.umask).toBe("0027");
  expect(conf.warnings).toEqual([`Failed to decode the keys ["containers.no_such_thing"] from "${file}"`]);
});

test("a wrong value names file and line", () => {
  const file = write("wrong.conf", `[engine]\n\n[containers]\n# a remark\npids_limit = "many"\n`);
  expect(() => readContainersConf({ env: { CONTAINERS_CONF: file } })).toThrow(
    expect.objectContaining({ code: "config.invalid", message: `cannot read "${file}" at line 5: containers.pids_limit is not a whole number` }),
  );
});

test("broken TOML names file and line", () => {
  const file = write("broken.conf", `[containers]\numask = "0027"\ntz = = 3\n`);
  expect(() => readContainersConf({ env: { CONTAINERS_CONF: file } })).toThrow(
    expect.objectContaining({ code: "config.invalid", message: expect.stringContaining(`${file}:3:`) }),
  );
});

test("a named file that is missing is refused", () => {
  expect(() => readContainersConf({ env: { CONTAINERS_CONF: `${directory}/none` } })).toThrow(
    expect.objectContaining({ code: "config.invalid" }),
  );
});
