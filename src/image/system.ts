// ImageSystem: what pulling, pushing and naming images need to know of the machine and of what the person asked for.

import type { Credentials } from "../registry/client.ts";
import type { RegistriesConf } from "../registry/registries-conf.ts";
import type { PlatformChoice } from "./platform.ts";

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
  readonly platform?: PlatformChoice;
  /** Layers moved at a time; default 3. */
  readonly layersInParallel?: number;
  readonly retries?: number;
  readonly retryDelayMs?: number;
  readonly userAgent?: string;
  readonly tmpDir?: string;
  readonly signal?: AbortSignal;
}
