// A file that is still being written to, read from its start by someone else: the download fills it, the unpacking follows.

import { AT_FDCWD, close, O_RDONLY, openat2, readInto } from "../kernel/files.ts";

const readBytes = 256 * 1024;

/** How far the file has come. */
export class Growth {
  #available: number;
  #state: "growing" | "ended" | "stopped" = "growing";
  #listener: (() => void) | undefined;

  constructor(available: number) {
    this.#available = available;
  }

  get available(): number {
    return this.#available;
  }

  get state(): "growing" | "ended" | "stopped" {
    return this.#state;
  }

  /** One listener; it is told of every change, and at once of those before it came. */
  listen(listener: () => void): void {
    this.#listener = listener;
    listener();
  }

  advance(available: number): void {
    this.#available = available;
    this.#listener?.();
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#state === "growing") this.#state = "ended";
    this.#listener?.();
  }

  /** What has come is of no use. */
  stop(): void {
    this.#state = "stopped";
    this.#listener?.();
  }
}

/** The bytes as they come, in one buffer that is used again. @throws when the growth is stopped */
export async function* readGrowing(file: string, growth: Growth): AsyncGenerator<Uint8Array> {
  let wake = (): void => {};
  growth.listen(() => wake());
  const fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
  try {
    const buffer = new Uint8Array(readBytes);
    for (let at = 0; ; ) {
      if (growth.state === "stopped") throw new Error("the download has stopped");
      const wanted = Math.min(readBytes, growth.available - at);
      if (wanted > 0) {
        const got = readInto(fd, buffer.subarray(0, wanted), at);
        if (got === 0) return;
        at += got;
        yield buffer.subarray(0, got);
      } else if (growth.state === "ended") {
        return;
      } else {
        await new Promise<void>(resolve => (wake = resolve));
      }
    }
  } finally {
    close(fd);
  }
}
