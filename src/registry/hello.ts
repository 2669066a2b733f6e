// Whether a port speaks plain HTTP: asked with the first message of TLS, which any TLS server answers with a TLS record.
// Source: RFC 8446 section 4.1.2 (ClientHello), 5.1 (record layer).

const answerMs = 1_000;

/**
 * True only where the answer begins as HTTP's does. A silent, closed or TLS-speaking port, and a runtime without the
 * call, say false: whoever asks then goes on as without asking. Nothing secret is sent.
 */
export function speaksPlainly(url: URL, signal?: AbortSignal): Promise<boolean> {
  if (!("Bun" in globalThis)) return Promise.resolve(false);
  return new Promise(resolve => {
    let answer = "";
    const end = (): void => {
      clearTimeout(timer);
      resolve(answer.startsWith("HTTP/"));
    };
    const timer = setTimeout(end, answerMs);
    signal?.addEventListener("abort", end, { once: true });
    const socket = {
      open: (open: { write(bytes: Uint8Array): unknown }) => void open.write(clientHello()),
      data(open: { end(): unknown }, bytes: Uint8Array) {
        answer += String.fromCharCode(...bytes.subarray(0, 5));
        open.end();
        end();
      },
      close: end,
      error: end,
      connectError: end,
    };
    Bun.connect({ hostname: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port), socket }).catch(end);
  });
}

/** The smallest that is one. Its random part holds line ends, so that a server of HTTP sees a whole, senseless request. */
function clientHello(): Uint8Array {
  const random = [...new TextEncoder().encode("\r\n\r\n"), ...crypto.getRandomValues(new Uint8Array(28))];
  const suites = [0xc0, 0x2f, 0xc0, 0x2b, 0xc0, 0x30, 0x00, 0x2f];
  const body = [0x03, 0x03, ...random, 0, 0, suites.length, ...suites, 1, 0];
  const message = [0x01, 0, 0, body.length, ...body];
  return Uint8Array.from([0x16, 0x03, 0x01, 0, message.length, ...message]);
}
