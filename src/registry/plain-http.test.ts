// Plain HTTP on connections of our own: kept, given up, held back, and without a thread for it.

import { afterEach, expect, test } from "bun:test";
import { newPlainHttp, type PlainRequest, type PlainResponse } from "./plain-http.ts";

type Stream = { write(data: string | Uint8Array): number; end(): void; terminate(): void };
type Told = (socket: Stream, request: string, connection: number) => void;

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

/** Tells of each request's head (and what came with it), and of which connection it came on. */
function listen(told: Told): { readonly url: URL; readonly connections: () => number } {
  let connections = 0;
  const server = Bun.listen<{ number: number }>({
    hostname: "127.0.0.1", port: 0,
    socket: {
      open: socket => void (socket.data = { number: ++connections }),
      data: (socket, bytes) => told(socket, bytes.toString(), socket.data.number),
    },
  });
  stops.push(() => server.stop(true));
  return { url: new URL(`http://127.0.0.1:${server.port}/a?b=c`), connections: () => connections };
}

const answer = (text: string, more = ""): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n${more}\r\n${text}`;
const ask = (more: Partial<PlainRequest> = {}): PlainRequest => ({ method: "GET", headers: { A: "b" }, signal: new AbortController().signal, ...more });

async function textOf({ body }: PlainResponse): Promise<string> {
  const reader = body?.getReader();
  let text = "";
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += Buffer.from(next.value!).toString("latin1");
  return text;
}

test("requests one after the other share a connection, those at a time do not", async () => {
  const requests: string[] = [];
  const { url, connections } = listen((socket, request) => {
    requests.push(request);
    setTimeout(() => socket.write(answer("hello")), 5);
  });
  const http = newPlainHttp()!;
  for (let time = 0; time < 3; time++) expect(await textOf(await http.send(url, ask()))).toBe("hello");
  expect([connections(), requests[0]]).toEqual([1, `GET /a?b=c HTTP/1.1\r\nHost: ${url.host}\r\nA: b\r\n\r\n`]);
  await Promise.all([1, 2, 3].map(async () => textOf(await http.send(url, ask()))));
  expect(connections()).toBe(3);
});

test("a body goes with its length, also one larger than the socket takes at once", async () => {
  let got = "";
  const size = 8_000_000;
  const { url } = listen((socket, request) => {
    got += request;
    if (got.length > size) socket.write(answer("taken"));
  });
  const body = new Uint8Array(size).fill(120);
  expect(await textOf(await newPlainHttp()!.send(url, ask({ method: "PUT", body })))).toBe("taken");
  expect([got.includes(`Content-Length: ${size}\r\n`), got.length - got.indexOf("\r\n\r\n") - 4]).toEqual([true, size]);
});

test("an idle connection that was closed meanwhile is not noticed by who asks again, unless it has an effect", async () => {
  const { url, connections } = listen((socket, request, connection) => {
    if (connection === 2 || !request.includes("/again")) socket.write(answer("hello"));
    else socket.terminate();
  });
  const again = new URL("/again", url);
  const http = newPlainHttp()!;
  await textOf(await http.send(url, ask()));
  expect(await textOf(await http.send(again, ask()))).toBe("hello");
  expect(connections()).toBe(2);
  const other = newPlainHttp()!;
  await textOf(await other.send(url, ask()));
  await expect(other.send(again, ask({ method: "POST" }))).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|ConnectionClosed/) });
});

for (const [what, bytes] of [["closes", answer("x", "Connection: close\r\n")], ["says more than it was asked for", `${answer("x")}x`]] as const) {
  test(`a connection whose far side ${what} is not used again`, async () => {
    const { url, connections } = listen(socket => void socket.write(bytes));
    const http = newPlainHttp()!;
    for (let time = 0; time < 2; time++) expect(await textOf(await http.send(url, ask()))).toBe("x");
    expect(connections()).toBe(2);
  });
}

test("a reader that takes its time holds the far side back, and gets every byte", async () => {
  const size = 30_000_000;
  const bytes = Buffer.alloc(size, "x");
  let sent = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1", port: 0,
    socket: {
      data(socket) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        sent += socket.write(bytes);
      },
      drain: socket => void (sent += socket.write(bytes.subarray(sent))),
    },
  });
  stops.push(() => server.stop(true));
  const response = await newPlainHttp()!.send(new URL(`http://127.0.0.1:${server.port}/`), ask());
  await Bun.sleep(200);
  expect(sent).toBeLessThan(size / 2);
  expect((await textOf(response)).length).toBe(size);
});

test("an interrupt ends a request that waits, and a body that comes", async () => {
  const { url } = listen((socket, request) => void (request.includes("/body") && socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe")));
  const http = newPlainHttp()!;
  const control = new AbortController();
  const waiting = http.send(url, ask({ signal: control.signal }));
  const body = textOf(await http.send(new URL("/body", url), ask({ signal: control.signal })));
  control.abort(new Error("enough"));
  const ended = await Promise.allSettled([waiting, body]);
  expect(ended.map(one => String((one as PromiseRejectedResult).reason))).toEqual(["Error: enough", "Error: enough"]);
  await expect(http.send(url, ask({ signal: control.signal }))).rejects.toThrow("enough");
});

test("a header cannot end its line", async () => {
  const { url, connections } = listen(socket => void socket.write(answer("x")));
  await expect(newPlainHttp()!.send(url, ask({ headers: { Authorization: "a\r\nHost: b" } }))).rejects.toThrow("invalid header");
  expect(connections()).toBe(0);
});

test("no thread is started for it, as fetch does", async () => {
  const { url } = listen(socket => void socket.write(answer("x")));
  const threads = `require("node:fs").readdirSync("/proc/self/task").map(id => require("node:fs").readFileSync("/proc/self/task/" + id + "/comm", "utf8").trim()).includes("HTTP Client")`;
  const run = async (line: string): Promise<string> => {
    const script = `import { newPlainHttp } from ${JSON.stringify(`${import.meta.dir}/plain-http.ts`)}; ${line}; console.log(${threads}); process.exit(0);`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    return (await new Response(child.stdout).text()).trim();
  };
  expect(await run(`await newPlainHttp().send(new URL("${url}"), { method: "GET", headers: {}, signal: new AbortController().signal })`)).toBe("false");
  expect(await run(`await fetch("${url}")`)).toBe("true");
});

test("a name and password of the address go as such, unless the request brings its own", async () => {
  const seen: (string | undefined)[] = [];
  const { url } = listen((socket, request) => {
    seen.push(/^Authorization: (.*)\r$/m.exec(request)?.[1], /^GET (\S+)/.exec(request)?.[1]);
    socket.write(answer("x"));
  });
  const http = newPlainHttp()!;
  const known = new URL(url);
  [known.username, known.password] = ["anna", "s%C3%BC%3A"];
  await textOf(await http.send(known, ask()));
  await textOf(await http.send(known, ask({ headers: { Authorization: "Bearer b" } })));
  expect(seen).toEqual([`Basic ${Buffer.from("anna:sü:").toString("base64")}`, "/a?b=c", "Bearer b", "/a?b=c"]);
});
