// Flags that several verbs share, each declared once.

import { files } from "../cli/complete.ts";
import { goQuote, natural, text, texts, toggle, whole } from "../cli/flag.ts";
import { readContainersConf } from "../base/containers-conf.ts";

export const latest = toggle({ short: "l", help: 'Act on the latest container podman is aware of\nNot supported with the "--remote" flag' });
export const cidfiles = texts({ help: "Read the container ID from the file", complete: files });
export const filters = texts({ short: "f", help: "Filter output based on conditions given" });
export const longFilters = texts({ help: "Filter output based on conditions given" });
export const ignoreMissing = toggle({ short: "i", help: "Ignore errors when a specified container is missing" });
export const stopTime = whole({ short: "t", help: "Seconds to wait for stop before killing the container", shown: "10", aliases: ["timeout"] });
export const noTrunc = toggle({ help: "Do not truncate output", aliases: ["notruncate", "no-truncate"] });
export const authfile = text({ help: "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override", complete: files });
/** Hidden, as in the original. */
export const blobCache = text({ help: "Keep image blobs in the specified directory, and take them from there", hidden: true, complete: files });
export const certDir = text({ value: "Pathname", help: "Pathname of a directory containing TLS certificates and keys", complete: files });
export const creds = text({ secret: "whole", value: "Credentials", help: "Credentials (USERNAME:PASSWORD) to use for authenticating to a registry" });
export const tlsVerify = toggle({ help: "Require HTTPS and verify certificates when contacting registries", fallback: true });
export const detachKeys = text({
  value: "[a-Z]",
  help: "Select the key sequence for detaching a container. Format is a single character `[a-Z]` or a comma separated sequence of `ctrl-<value>`, where `<value>` is one of: `a-z`, `@`, `^`, `[`, `\\`, `]`, `^` or `_`",
  shown: '"ctrl-p,ctrl-q"',
});

/** --retry and --retry-delay, whose help shows what containers.conf says; it is read only when help is printed. */
export function retryFlags(doing: "pull" | "push" | "push/pull") {
  const engine = () => readContainersConf({ env: process.env, rootless: process.getuid?.() !== 0 }).engine;
  return {
    retry: {
      ...natural({ help: `number of times to retry in case of failure when performing ${doing}` }),
      get shown() {
        return String(engine()["retry"] ?? 3);
      },
    },
    retryDelay: {
      ...text({ help: `delay between retries in case of ${doing} failures` }),
      get shown() {
        const delay = engine()["retry_delay"];
        return typeof delay === "string" && delay !== "" ? goQuote(delay) : undefined;
      },
    },
  };
}
