// What a Containerfile's line says, before variables are put in.
// Source: Containerfile(5).

export interface Heredoc {
  readonly name: string;
  /** Each line with its line end; leading tabs are gone where "<<-" asked for it. */
  readonly content: string;
  /** Variables are put in: the name was not quoted. */
  readonly expand: boolean;
  readonly chomp: boolean;
}

export interface Instruction {
  /** Lower-case. */
  readonly name: string;
  /** "--from=x" and the like, in order. */
  readonly flags: readonly string[];
  /** The whole logical line. */
  readonly original: string;
  /** What follows the flags, split as the instruction wants it: ENV and LABEL as name, value, name, value, … */
  readonly words: readonly string[];
  /** Written as a JSON array. */
  readonly isJson: boolean;
  readonly heredocs: readonly Heredoc[];
  readonly line: number;
  readonly endLine: number;
  /** Of ONBUILD. */
  readonly trigger?: Instruction;
}
