// Where a module of containers.conf lies.
// Source: containers.conf(5), "CONTAINERS.CONF MODULES".

import { existsSync } from "node:fs";

type Environment = Readonly<Record<string, string | undefined>>;

export function configHome(env: Environment): string | undefined {
  const home = env.XDG_CONFIG_HOME || (env.HOME ? `${env.HOME}/.config` : undefined);
  return home ? `${home}/containers` : undefined;
}

/** The file of a --module: a path, or a name in one of the directories of modules; undefined when there is none. */
export function findModule(module: string, { env = {} }: { readonly env?: Environment }): string | undefined {
  if (module.startsWith("/")) return existsSync(module) ? module : undefined;
  const home = configHome(env);
  const directories = [...(home ? [home] : []), "/etc/containers", "/usr/share/containers"];
  return directories.map(directory => `${directory}/containers.conf.modules/${module}`).find(existsSync);
}
