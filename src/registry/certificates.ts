// The certificates a registry is met with: certs.d or --cert-dir, beside the system's own authorities.
// Source: containers-certs.d(5); Go's crypto/x509 for where systems keep their authorities.

import * as fs from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Certificates {
  /** PEM of the authorities of this host alone. */
  readonly authorities: readonly string[];
  /** PEM certificates and keys of ours. */
  readonly pairs: readonly { readonly cert: string; readonly key: string }[];
}

/** The certs.d directory of `host`, the person's own before the system's; undefined when there is none. */
export function certDirOf(host: string, environment: Environment): string | undefined {
  const home = environment["HOME"];
  const places = [
    ...(home ? [`${home}/.config/containers/certs.d`] : []),
    "/etc/containers/certs.d",
    "/etc/docker/certs.d",
  ];
  return places.map(place => `${place}/${host}`).find(directory => fs.existsSync(directory));
}

/**
 * Reads *.crt (authorities), *.cert and *.key (pairs of ours). A directory that is missing or closed to us is empty.
 *
 * @throws Fault "config.invalid" for a certificate without its key, or a key without its certificate
 */
export function readCertificates(directory: string): Certificates {
  const names = listing(directory);
  const authorities = names.filter(name => name.endsWith(".crt")).map(name => readPem(`${directory}/${name}`));
  const pairs = names
    .filter(name => name.endsWith(".cert"))
    .map(name => {
      const key = name.replace(/\.cert$/, ".key");
      if (!names.includes(key)) {
        throw new Fault("config.invalid", `missing key ${key} for client certificate ${name}`, {
          hint: "name certificates of authorities with the ending .crt",
        });
      }
      return { cert: readPem(`${directory}/${name}`), key: readPem(`${directory}/${key}`) };
    });
  const lonely = names.find(name => name.endsWith(".key") && !names.includes(name.replace(/\.key$/, ".cert")));
  if (lonely) {
    throw new Fault("config.invalid", `missing client certificate ${lonely.replace(/key$/, "cert")} for key ${lonely}`);
  }
  return { authorities, pairs };
}

/** The system's authorities as one PEM text; undefined where none of the usual files is there. */
export function systemAuthorities(environment: Environment): string | undefined {
  const chosen = environment["SSL_CERT_FILE"];
  const places = chosen
    ? [chosen]
    : [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem",
      ];
  const place = places.find(path => fs.existsSync(path));
  return place && readPem(place);
}

function listing(directory: string): string[] {
  try {
    return fs.readdirSync(directory).sort();
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT" || errno === "EACCES" || errno === "EPERM") return [];
    throw new Fault("config.invalid", `cannot read certificates in "${directory}": ${errno ?? String(thrown)}`, {
      cause: thrown,
    });
  }
}

function readPem(path: string): string {
  const text = fs.readFileSync(path, "utf8");
  if (text.length <= limits.configFileBytesMax) return text;
  throw new Fault("config.invalid", `cannot read certificate "${path}": larger than ${limits.configFileBytesMax} bytes`);
}
