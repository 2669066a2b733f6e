import { expect, test } from "bun:test";
import { findProgram, spawnSync } from "../base/spawn.ts";
import { createNamedNetns, inNetns, removeNamedNetns } from "./namespaces.ts";
import { attributesOf, deleteNftRules, nftRules } from "./nftables.ts";
import { testDirectory } from "./test-directory.ts";

const nft = findProgram("nft");
const run = (...words: string[]) => spawnSync([nft!, ...words]);

test.skipIf(process.getuid?.() !== 0 || !nft)("rules of one chain are listed and taken away, all or none", () => {
  using directory = testDirectory();
  const path = `${directory.path}/netns`;
  createNamedNetns(path);
  try {
    inNetns(path, () => {
      expect(nftRules({ family: "inet", table: "boats", chain: "in" })).toEqual([]);
      for (const words of ["add table inet boats", "add chain inet boats in", "add chain inet boats other", "add rule inet boats in tcp dport 80 accept", "add rule inet boats in jump other",
        "add rule inet boats other drop"]) expect(run(...words.split(" ")).complaint()).toBe("");
      const rules = nftRules({ family: "inet", table: "boats", chain: "in" });
      expect(rules.map(({ expressions }) => expressions.map(({ name }) => name))).toEqual([["meta", "cmp", "payload", "cmp", "immediate"], ["immediate"]]);
      expect([...attributesOf(rules[0]!.expressions[3]!.attributes.get(3)!)[0]![1]]).toEqual([0, 80]);
      const gone = { ...rules[1]!, handle: 9999n };
      expect(() => deleteNftRules([rules[0]!, gone])).toThrow(expect.objectContaining({ errno: "ENOENT" }));
      expect(nftRules({ family: "inet", table: "boats", chain: "in" })).toHaveLength(2);
      deleteNftRules(rules);
      expect(run("list", "chain", "inet", "boats", "in").text()).not.toMatch(/dport|jump/);
      expect(nftRules({ family: "inet", table: "boats", chain: "other" })).toHaveLength(1);
    });
  } finally {
    removeNamedNetns(path);
  }
});
