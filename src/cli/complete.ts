// Shell completion: what a half-written line may go on with, in cobra's __complete protocol.

/** What completes a value or an operand. */
export interface Completing {
  /** The context the verb would run with; verbs wrap this by `completer` of commands/verb.ts. */
  readonly context: unknown;
  /** The operands before the word. */
  readonly operands: readonly string[];
  /** The flags read so far. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export interface Suggestions {
  /** Each "word" or "word\tdescription"; those that do not begin with the typed word are dropped unless `asIs`. */
  readonly words: readonly string[];
  readonly asIs?: boolean;
  /** Let the shell offer file names when nothing fits. */
  readonly files?: boolean;
  /** No space after the word. */
  readonly open?: boolean;
}

export type Completer = (
  word: string,
  at: Completing,
) => readonly string[] | Suggestions | Promise<readonly string[] | Suggestions>;

/** The shell's own file names. */
export const files: Completer = () => ({ words: [], files: true });
/** Nothing. */
export const nothing: Completer = () => [];
