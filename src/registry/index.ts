// The registry room as a library: import { newRegistryClient } from "coracle/registry".

export { newRegistryClient } from "./client.ts";
export type {
  BlobAnswer,
  BlobSource,
  BlobWish,
  Credentials,
  ManifestAnswer,
  ManifestHead,
  PushAnswer,
  PushWish,
  RegistryClient,
  RegistryClientOptions,
  RetryPolicy,
} from "./client.ts";
export { findCredentials, listCredentialKeys, removeAllCredentials, removeCredentials, storeCredentials } from "./credentials.ts";
export type { CredentialPlaces } from "./credentials.ts";
export { refusalOf } from "./refusal.ts";
export type { Refusal } from "./refusal.ts";
export { firstThatAnswers } from "./mirrors.ts";
export { aliasOf, endpointsFor, findRegistry, pushEndpointFor, readRegistriesConf, recordAlias } from "./registries-conf.ts";
export type {
  Endpoint,
  PullEndpoint,
  RegistriesConf,
  RegistriesConfPlaces,
  RegistryEntry,
  ShortNameAlias,
  ShortNameMode,
} from "./registries-conf.ts";
