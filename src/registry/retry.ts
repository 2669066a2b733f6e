// When a request is worth another try, and how long to wait before it.
// Source: RFC 9110 section 10.2.3 (Retry-After), 15.5, 15.6; RFC 6585 section 4 (429).

import type { RetryPolicy } from "./client.ts";

export const retryDefaults: RetryPolicy = { attemptsMax: 5, delayMs: 200, delayMaxMs: 60_000 };

/** Too many requests, and what a server or a proxy in front of it says while it is unwell. */
export const isTransientStatus = (status: number): boolean =>
  status === 429 || status === 408 || status === 500 || status === 502 || status === 503 || status === 504;

/** How long to wait before attempt `next` (2 is the first repetition), at most `delayMaxMs`. */
export function delayBefore(next: number, policy: RetryPolicy, retryAfter?: string | null, nowMs = Date.now()): number {
  const asked = retryAfter ? retryAfterMs(retryAfter, nowMs) : undefined;
  const delay = policy.isFixed ? policy.delayMs : Math.min(policy.delayMs * 2 ** Math.max(0, next - 2), policy.delayMaxMs);
  return asked === undefined ? delay : Math.min(asked, policy.delayMaxMs);
}

/** Seconds or an HTTP date; undefined when it is neither or past. */
export function retryAfterMs(header: string, nowMs: number): number | undefined {
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = /GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return date > nowMs ? date - nowMs : undefined;
}

/** Waits, and stops waiting when `signal` fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
