// Bytes that lie in a file of the disk, to be copied without passing through this process.

export interface FilePart {
  readonly path: string;
  /** Where they begin in it. */
  readonly start: number;
  readonly bytes: number;
}
