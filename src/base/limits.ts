// Bounds on everything that comes from outside. Bytes unless the name says otherwise.

export const limits = {
  manifestBytesMax: 4 * 1024 * 1024,
  configBytesMax: 16 * 1024 * 1024,
  jsonDepthMax: 64,
  layersMax: 4096,
  indexEntriesMax: 4096,
  headerBytesMax: 8 * 1024,
  /** All headers of one answer. */
  headBytesMax: 64 * 1024,
  tokenBytesMax: 256 * 1024,
  errorBodyBytesMax: 64 * 1024,
  tagsPageBytesMax: 16 * 1024 * 1024,
  redirectsMax: 10,
  authFileBytesMax: 1024 * 1024,
  configFileBytesMax: 16 * 1024 * 1024,
  tarNameBytesMax: 4096,
  paxHeaderBytesMax: 1024 * 1024,
  layerEntriesMax: 4_000_000,
  referenceCharactersMax: 4096,
  envFileBytesMax: 16 * 1024 * 1024,
} as const;
