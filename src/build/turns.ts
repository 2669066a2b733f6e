// One at a time of those who would do the same: two stages that come to the same step at once.

export class Turns {
  readonly #held = new Map<string, Promise<void>>();

  /** Waits for whoever holds the key; what is answered gives it back. */
  async take(key: string): Promise<() => void> {
    for (let other; (other = this.#held.get(key)) !== undefined;) await other;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(key, promise);
    return () => {
      if (this.#held.get(key) === promise) this.#held.delete(key);
      resolve();
    };
  }
}
