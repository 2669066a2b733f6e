import { expect, test } from "bun:test";
import { cutAt } from "./held-users.ts";

const own = [{ inside: 0, outside: 2000, count: 1 }, { inside: 1, outside: 200_000, count: 65_536 }];
const line = (containerId: number, hostId: number, size: number) => ({ containerId, hostId, size });

for (const [said, maps, cut] of [
  ["what lies in one line of our own stays", [line(0, 1, 1000)], [line(0, 1, 1000)]],
  ["what reaches over two is cut between them", [line(0, 0, 1000)], [line(0, 0, 1), line(1, 1, 999)]],
  ["what is beyond all lines stays for the kernel to refuse", [line(5, 65_530, 20)], [line(5, 65_530, 7), line(12, 65_537, 13)]],
] as const) {
  test(said, () => expect(cutAt(maps, own)).toEqual([...cut]));
}
