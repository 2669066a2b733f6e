import { expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { AT_FDCWD, close, closeQuietly, O_RDONLY, openat2, readAll } from "./files.ts";
import * as sockets from "./sockets.ts";
import { testDirectory } from "./test-directory.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const { POLLHUP, POLLIN, POLLOUT } = sockets;

function receiveText(socket: number): string {
  const buffer = new Uint8Array(100);
  return new TextDecoder().decode(buffer.subarray(0, sockets.receive(socket, buffer)));
}

test("packets keep their boundaries over a socket whose path is beyond the bound of addresses", () => {
  using directory = testDirectory();
  const deep = `${directory.path}/${"long-name/".repeat(30)}`;
  mkdirSync(deep, { recursive: true });
  const path = `${deep}attach`;
  const listening = sockets.listenUnix(path, { kind: "seqpacket" });
  const client = sockets.connectUnix(path, "seqpacket");
  const server = sockets.accept(listening)!;
  expect(sockets.send(client, bytes("one"))).toBe(3);
  expect(sockets.send(client, bytes("two"))).toBe(3);
  expect([receiveText(server), receiveText(server)]).toEqual(["one", "two"]);
  expect(sockets.receive(server, new Uint8Array(8), { wait: false })).toBe(-1);
  close(client);
  expect(sockets.receive(server, new Uint8Array(8))).toBe(0);
  expect(() => {
    for (let sent = 0; sent < 3; sent++) sockets.send(server, bytes("to nobody"));
  }).toThrow(expect.objectContaining({ errno: "EPIPE" }));
  close(server);
  close(listening);
});

test("connecting where nothing is, nobody listens or no socket lies carries path and errno", () => {
  using directory = testDirectory();
  const path = `${directory.path}/socket`;
  expect(() => sockets.connectUnix(path, "stream")).toThrow(expect.objectContaining({ code: "system.not-found" }));
  close(sockets.listenUnix(path, { kind: "stream" }));
  expect(() => sockets.connectUnix(path, "stream")).toThrow(
    expect.objectContaining({ errno: "ECONNREFUSED", message: `cannot connect to "${path}": connection refused` }),
  );
  writeFileSync(`${directory.path}/file`, "");
  expect(() => sockets.connectUnix(`${directory.path}/file`, "stream")).toThrow("connection refused");
  expect(() => sockets.listenUnix(path, { kind: "stream" })).toThrow(expect.objectContaining({ errno: "EADDRINUSE" }));
  expect(() => sockets.listenUnix(`${directory.path}/${"n".repeat(120)}`, { kind: "stream" })).toThrow(
    expect.objectContaining({ errno: "ENAMETOOLONG" }),
  );
});

test("poll tells who can read, write or has hung up, and when the time is over", () => {
  const [one, two] = sockets.socketPair("seqpacket");
  const [three, four] = sockets.socketPair("stream");
  expect(sockets.poll([{ fd: one, events: POLLIN }], 1)).toEqual([0]);
  sockets.send(two, bytes("x"));
  close(four);
  expect(
    sockets.poll([
      { fd: one, events: POLLIN | POLLOUT },
      { fd: two, events: POLLIN },
      { fd: three, events: 0 },
      { fd: 9999, events: POLLIN },
    ]),
  ).toEqual([POLLIN | POLLOUT, 0, POLLHUP, sockets.POLLNVAL]);
  const before = performance.now();
  expect(sockets.waitReadable(two, 30)).toBe(false);
  expect(performance.now() - before).toBeGreaterThanOrEqual(29);
  for (const fd of [one, two, three]) close(fd);
});

test("a full socket that does not block says so", () => {
  const [one, two] = sockets.socketPair("seqpacket", { nonBlocking: true });
  const packet = new Uint8Array(60_000);
  let sent = 0;
  while (sockets.send(one, packet) !== -1) sent++;
  expect(sent).toBeGreaterThan(0);
  expect(sockets.receive(two, packet)).toBe(60_000);
  close(one);
  close(two);
});

test("open handles travel with a message", () => {
  using directory = testDirectory();
  writeFileSync(`${directory.path}/file`, "through the socket");
  const [one, two] = sockets.socketPair("stream");
  const file = openat2(AT_FDCWD, `${directory.path}/file`, { flags: O_RDONLY });
  sockets.sendHandles(one, bytes("terminal"), [file, file]);
  close(file);
  const { bytes: got, handles } = sockets.receiveHandles(two);
  expect(new TextDecoder().decode(got)).toBe("terminal");
  expect(handles).toHaveLength(2);
  expect(new TextDecoder().decode(readAll(handles[0]!, 100))).toBe("through the socket");
  for (const fd of [one, two, ...handles]) close(fd);
  expect(() => sockets.sendHandles(1, new Uint8Array(), [1])).toThrow("cannot send 1 handles with 0 bytes");
});

test("an event counter wakes and drains", () => {
  const fd = sockets.eventfd();
  expect(sockets.waitReadable(fd, 0)).toBe(false);
  sockets.signalEvent(fd);
  sockets.signalEvent(fd);
  expect(sockets.waitReadable(fd, 0)).toBe(true);
  expect([sockets.drainEvent(fd), sockets.drainEvent(fd)]).toEqual([2, 0]);
  close(fd);
});

test("a file is awaited until it is made or moved to its name, and no longer than told", () => {
  using directory = testDirectory();
  const { path } = directory;
  expect(sockets.waitForFile(`${path}/exit`, 20)).toBe(false);
  const child = Bun.spawn(["sh", "-c", `sleep 0.05; echo 3 > ${path}/.exit; mv ${path}/.exit ${path}/exit`]);
  expect(sockets.waitForFile(`${path}/exit`, 10_000)).toBe(true);
  expect(sockets.waitForFile(`${path}/exit`, 0)).toBe(true);
  child.unref();
  expect(() => sockets.waitForFile(`${path}/no/exit`, 1)).toThrow(expect.objectContaining({ code: "system.not-found" }));
});

test("events name the watch, what happened, and the entry", () => {
  using directory = testDirectory();
  const fd = sockets.inotifyInit();
  const watch = sockets.inotifyAdd(fd, directory.path, 0x100 | 0x80);
  expect(sockets.inotifyRead(fd)).toEqual([]);
  writeFileSync(`${directory.path}/one`, "");
  renameSync(`${directory.path}/one`, `${directory.path}/a longer name`);
  expect(sockets.inotifyRead(fd)).toEqual([
    { watch, mask: 0x100, name: "one" },
    { watch, mask: 0x80, name: "a longer name" },
  ]);
  closeQuietly(fd);
});
