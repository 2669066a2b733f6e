// ImageSystem: what pulling, pushing and naming images need to know of the machine and of what the person asked for.

import type { Retries } from "../base/retries.ts";
import type { Credentials, RegistryClient } from "../registry/client.ts";
import type { RegistriesConf } from "../registry/registries-conf.ts";
import type { PlatformChoice } from "./platform.ts";
import type { Policy } from "./policy.ts";

/** All optional: the defaults are the machine's own files and this machine's platform. */
export interface ImageSystem {
  /** --registries-conf (or CONTAINERS_REGISTRIES_CONF), --registries-conf-dir, --short-name-alias-conf. */
  readonly registriesConf?: string;
  readonly registriesConfDir?: string;
  readonly shortNameAliasConf?: string;
  /** Read already; wins over the three above. */
  readonly registries?: RegistriesConf;
  readonly authFile?: string;
  readonly credentials?: Credentials;
  readonly registryToken?: string;
  readonly certDir?: string;
  /** Absent: as registries.conf says. */
  readonly tlsVerify?: boolean;
  readonly signaturePolicy?: string;
  /** Read already; wins over `signaturePolicy`. */
  readonly policy?: Policy;
  /** --registries.d: where signatures lie. */
  readonly registriesDir?: string;
  /** One directory for the blobs of many image layouts. */
  readonly sharedBlobDir?: string;
  /** Of docker-daemon:, such as unix:///run/docker.sock. */
  readonly daemonHost?: string;
  /** Of --decryption-key, as written: what opens encrypted layers that are pulled. */
  readonly decryptionKeys?: readonly string[];
  /** Clients kept from one image to the next, so that each registry is greeted once. */
  readonly clients?: Map<string, RegistryClient>;
  readonly platform?: PlatformChoice;
  /** Layers moved at a time; default 3. */
  readonly layersInParallel?: number | undefined;
  /** Of single requests to a registry. */
  readonly retries?: number;
  readonly retryDelayMs?: number;
  /** Of the whole pull or push, where the registry could not be reached. */
  readonly again?: Retries;
  readonly userAgent?: string;
  readonly tmpDir?: string;
  /** A directory of blobs beside the store, by digest. */
  readonly blobCache?: string;
  readonly signal?: AbortSignal;
}
