// The doctor's look at the ecosystem's configuration files: each is read as every command reads it.

import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { readContainersConf } from "../../base/containers-conf.ts";
import { Fault } from "../../base/fault.ts";
import { readPolicy } from "../../image/policy.ts";
import {
  askRegistries, missingHelpers, openAuthFiles, readAllCertificates, readAuthFiles, readRegistries, readSignatureConfiguration, type ClosedRegistry,
} from "../../image/registry-access.ts";
import { readProfileFile } from "../../security/seccomp.ts";
import { checkHooks } from "../containers/hooks.ts";
import { readStorageConf } from "../storage-conf.ts";
import { configured, textOf, type Check, type Finding, type Looked, type Scene } from "./finding.ts";

/** Whoever reads it says what is wrong. */
function readable(read: (scene: Scene) => unknown, next: string): Check["look"] {
  return scene => {
    try {
      read(scene);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return { evidence: thrown.message, next: thrown.hint ?? next };
    }
  };
}

function networkFiles({ host }: Scene): Looked {
  const directory = host.paths.networks;
  let names: string[];
  try {
    names = readdirSync(directory).filter(name => name.endsWith(".json"));
  } catch {
    return undefined;
  }
  return names.flatMap((name): Finding[] => {
    const reason = networkReason(`${directory}/${name}`);
    return reason === undefined ? [] : [{ evidence: `${directory}/${name}: ${reason}, so the network is not known`, next: `mend the file, or remove it and make the network again: podman network create ${name.slice(0, -5)}` }];
  });
}

function networkReason(file: string): string | undefined {
  try {
    const { name, driver } = JSON.parse(readFileSync(file, "utf8")) as { name?: unknown; driver?: unknown };
    return typeof name === "string" && typeof driver === "string" ? undefined : "it has no name or no driver";
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

function authModes({ imageSystem }: Scene): Looked {
  return openAuthFiles(imageSystem).map(path => ({ evidence: `${path} has passwords in it, and others may read it`, next: `chmod 600 ${path}`, fix: () => chmodSync(path, 0o600) }));
}

function helpers({ imageSystem }: Scene): Looked {
  const missing = missingHelpers(imageSystem);
  return missing.length > 0 ? { evidence: `${missing.join(", ")}: named for credentials, not in PATH`, next: `install ${missing[0]}, or take it out of auth.json and registries.conf` } : undefined;
}

function resolver(): Looked {
  const text = textOf("/etc/resolv.conf");
  if (/^\s*nameserver\s+\S/m.test(text)) return undefined;
  return { evidence: text === "" ? "/etc/resolv.conf is missing or empty" : "/etc/resolv.conf names no nameserver", next: "add a line such as: nameserver 192.0.2.53" };
}

function proxies({ env }: Scene): Looked {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]) {
    const value = env[name];
    if (value && !URL.canParse(value.includes("://") ? value : `http://${value}`)) return { evidence: `${name} is ${JSON.stringify(value.replace(/\/\/[^@]*@/, "//…@"))}, which is no address`, next: `unset ${name}` };
  }
  return undefined;
}

const nexts: Readonly<Record<ClosedRegistry["kind"], (host: string) => string>> = {
  "unreachable": host => `curl -v https://${host}/v2/ to see what stands in the way`,
  "unknown-name": host => `getent hosts ${host.replace(/:\d+$/, "")}, and correct registries.conf or /etc/resolv.conf`,
  "bad-certificate": host => `put the registry's authority into /etc/containers/certs.d/${host}/ca.crt`,
  "plain-http": host => `set insecure = true for ${host} in registries.conf, if it is meant to be plain`,
  "denied": host => `podman login ${host}`,
  "failing": host => `ask whoever runs ${host}`,
};

async function registries({ imageSystem }: Scene): Promise<Looked> {
  const closed = await askRegistries(imageSystem);
  return closed.map(({ host, kind, reason }) => ({ code: `registry.${kind}`, evidence: `${host}: ${reason}`, next: nexts[kind](host) }));
}

export const configurationChecks: readonly Check[] = [
  { code: "config.containers-conf", severity: "error", holds: "containers.conf can be read", look: readable(({ env, isUser, modules }) => readContainersConf({ env, rootless: isUser, modules }), "correct the file") },
  { code: "config.storage-conf", severity: "error", holds: "storage.conf can be read", look: readable(({ env, isUser }) => readStorageConf({ env, rootless: isUser }), "correct the file") },
  {
    code: "config.unknown-keys", severity: "warning", holds: "containers.conf says nothing unknown", needs: configured,
    look: ({ host }) => host.conf.warnings.map(evidence => ({ evidence, next: "correct the spelling, or take the keys out" })),
  },
  { code: "config.registries-conf", severity: "error", holds: "registries.conf can be read", look: readable(({ imageSystem }) => readRegistries(imageSystem), "correct the file") },
  { code: "config.registries-d", severity: "error", holds: "registries.d can be read", look: readable(({ imageSystem }) => readSignatureConfiguration(imageSystem), "correct the file") },
  {
    code: "config.no-policy", severity: "warning", holds: "there is a policy.json",
    look: ({ imageSystem }) => {
      try {
        return readPolicy(imageSystem.signaturePolicy).file === undefined ? { evidence: "no policy.json: every image is taken, and other tools refuse all", next: "podman image trust set --type accept default" } : undefined;
      } catch {
        return undefined;
      }
    },
  },
  { code: "config.policy", severity: "error", holds: "policy.json can be read", look: readable(({ imageSystem }) => readPolicy(imageSystem.signaturePolicy), "correct the file; see containers-policy.json(5)") },
  {
    code: "config.seccomp", severity: "error", holds: "the seccomp profile can be read", needs: configured,
    look: readable(({ host }) => host.conf.containers.seccomp_profile && readProfileFile(host.conf.containers.seccomp_profile), "correct seccomp_profile in containers.conf"),
  },
  { code: "config.hooks", severity: "error", holds: "OCI hooks can be read", needs: configured, look: readable(({ host }) => checkHooks(host), "correct or remove the file") },
  { code: "config.auth-file", severity: "error", holds: "auth.json can be read", look: readable(({ imageSystem }) => readAuthFiles(imageSystem), "podman login, after moving the file away") },
  { code: "config.open-auth-file", severity: "error", holds: "nobody else reads auth.json", look: authModes },
  { code: "config.no-credential-helper", severity: "error", holds: "credential helpers are installed", needs: ["config.auth-file", "config.registries-conf"], look: helpers },
  { code: "config.certificates", severity: "error", holds: "certs.d can be read", look: readable(readAllCertificates, "give each .cert its .key; authorities end in .crt") },
  { code: "config.networks", severity: "error", holds: "network files can be read", needs: configured, look: networkFiles },
  { code: "config.no-resolver", severity: "error", holds: "resolv.conf names a server", look: resolver },
  { code: "config.proxy", severity: "error", holds: "proxies are addresses", look: proxies },
];

export const registryChecks: readonly Check[] = [
  {
    code: "registry", severity: "warning", holds: "the registries of registries.conf answer",
    needs: ["config.registries-conf", "config.auth-file", "config.no-credential-helper", "config.certificates", "config.proxy"], look: registries,
  },
];
