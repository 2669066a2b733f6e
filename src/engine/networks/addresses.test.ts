// Addresses and subnets, read, written and compared.

import { expect, test } from "bun:test";
import { contains, formatAddress, formatSubnet, overlap, parseAddress, parseSubnet, usableRange } from "./addresses.ts";

for (const [text, shortest] of [
  ["10.88.0.1", "10.88.0.1"], ["255.255.255.255", "255.255.255.255"], ["::", "::"], ["fd00::0:1", "fd00::1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"], ["::ffff:10.0.0.1", "::ffff:a00:1"], ["2001:DB8::A", "2001:db8::a"],
] as const) {
  test(`${text} is ${shortest}`, () => expect(formatAddress(parseAddress(text)!)).toBe(shortest));
}

for (const text of ["", "10.88.0", "10.88.0.256", "010.0.0.1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "g::1", "1.2.3.4:5"]) {
  test(`${JSON.stringify(text)} is no address`, () => expect(parseAddress(text)).toBeUndefined());
}

test("a subnet drops the host's bits and knows what is in it", () => {
  const subnet = parseSubnet("10.88.7.9/16");
  expect(formatSubnet(subnet)).toBe("10.88.0.0/16");
  expect(contains(subnet, parseAddress("10.88.255.255")!)).toBe(true);
  expect(contains(subnet, parseAddress("10.89.0.0")!)).toBe(false);
  expect(overlap(subnet, parseSubnet("10.88.3.0/24"))).toBe(true);
  expect(overlap(parseSubnet("10.89.0.0/24"), subnet)).toBe(false);
  const { first, last } = usableRange(subnet);
  expect([first, last].map(value => formatAddress({ version: 4, value }))).toEqual(["10.88.0.1", "10.88.255.254"]);
});

for (const text of ["10.88.0.0", "10.88.0.0/33", "10.88.0.0/x", "/8", "fd00::/129"]) {
  test(`${text} is no subnet`, () => expect(() => parseSubnet(text)).toThrow(`invalid CIDR address: ${text}`));
}
