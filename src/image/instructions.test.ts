// --change: what each instruction does to the config, and what is refused.

import { expect, test } from "bun:test";
import { changeDefaults } from "./instructions.ts";

test("each instruction changes its field and leaves the others", () => {
  const before = { Env: ["A=1", "B=2"], Labels: { x: "y" }, WorkingDir: "/srv", Cmd: ["sh"] };
  const changed = changeDefaults(before, [
    "ENV A=3", 'LABEL "image"="blue sky"', "WORKDIR app", "EXPOSE 80", "expose 53/UDP", "CMD a b", 'ENTRYPOINT ["foo", "bar=baz"]',
    "VOLUME /a /b", "USER=me", "STOPSIGNAL SIGTERM", "ONBUILD RUN true",
  ]);
  expect(changed).toEqual({
    Env: ["B=2", "A=3"], Labels: { x: "y", image: "blue sky" }, WorkingDir: "/srv/app", ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Cmd: ["/bin/sh", "-c", "a b"], Entrypoint: ["foo", "bar=baz"], Volumes: { "/a": {}, "/b": {} }, User: "me", StopSignal: "15",
    OnBuild: ["RUN true"],
  });
  expect(before.Env).toEqual(["A=1", "B=2"]);
});

test("an empty entrypoint clears it, WORKDIR may go up and be absolute", () => {
  expect(changeDefaults({ Entrypoint: ["x"] }, ["ENTRYPOINT "]).Entrypoint).toEqual([]);
  expect(changeDefaults({ WorkingDir: "/a/b" }, ["WORKDIR ../c"]).WorkingDir).toBe("/a/c");
  expect(changeDefaults({ WorkingDir: "/a/b" }, ["WORKDIR /z"]).WorkingDir).toBe("/z");
});

for (const bad of ["nonsense", "RUN true", "EXPOSE 70000", "EXPOSE http", "EXPOSE 1/icmp", "EXPOSE 1/tcp/2", "LABEL x", "LABEL =y", "ENV =", "USER ", "STOPSIGNAL nope", "VOLUME  ", "__proto__ x"]) {
  test(`refuses ${JSON.stringify(bad)}`, () => {
    expect(() => changeDefaults({}, [bad])).toThrow("invalid change");
  });
}
