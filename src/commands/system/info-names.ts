// The names that templates of podman info use, where they are not the JSON names with a capital.
// Source: podman-info(1), --format.

/** By Go name. */
export function infoNames(facts: unknown): Readonly<Record<string, string>> {
  const names: Record<string, string> = {
    AppArmorEnabled: "apparmorEnabled", DefaultCapabilities: "capabilities", SECCOMPEnabled: "seccompEnabled",
    SECCOMPProfilePath: "seccompProfilePath", SELinuxEnabled: "selinuxEnabled", CgroupsVersion: "cgroupVersion", CPUs: "cpus",
    CPUUtilization: "cpuUtilization", IDMappings: "idMappings", OCIRuntime: "ociRuntime", OS: "os", Slirp4NetNS: "slirp4netns",
    GIDMap: "gidmap", UIDMap: "uidmap", DNS: "dns",
  };
  capitalize(facts, names);
  return names;
}

function capitalize(value: unknown, names: Record<string, string>): void {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (/^[a-z]/.test(key)) names[`${key[0]!.toUpperCase()}${key.slice(1)}`] ??= key;
    capitalize(inner, names);
  }
}
