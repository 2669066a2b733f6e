// Which proxy a URL goes through, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
// Source: the rules of Go's net/http ProxyFromEnvironment, which podman follows.

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy's URL, or undefined to go direct. The machine itself is never reached through a proxy. */
export function proxyFor(url: URL, environment: Environment): string | undefined {
  const names = url.protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const proxy = environment[names[0]!] || environment[names[1]!];
  if (!proxy || isLoopback(url.hostname)) return undefined;
  const without = environment["NO_PROXY"] || environment["no_proxy"] || "";
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (without.split(",").some(pattern => matches(pattern.trim().toLowerCase(), url.hostname, port))) return undefined;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

export const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);

function matches(pattern: string, hostname: string, port: string): boolean {
  if (pattern === "") return false;
  if (pattern === "*") return true;
  const slash = pattern.indexOf("/");
  if (slash > 0) return inNetwork(hostname, pattern.slice(0, slash), Number(pattern.slice(slash + 1)));
  const [, name = pattern, wanted] = /^(.*):(\d+)$/.exec(pattern.startsWith("[") || !/:.*:/.test(pattern) ? pattern : "") ?? [];
  if (wanted && wanted !== port) return false;
  const bare = hostname.replace(/^\[|\]$/g, "");
  const wish = name.replace(/^\[|\]$/g, "").replace(/^\*\./, ".");
  return wish.startsWith(".") ? bare.endsWith(wish) : bare === wish || bare.endsWith(`.${wish}`);
}

function inNetwork(hostname: string, network: string, bits: number): boolean {
  const host = ipv4(hostname);
  const base = ipv4(network);
  if (host === undefined || base === undefined || !(bits >= 0 && bits <= 32)) return false;
  return bits === 0 || host >>> (32 - bits) === base >>> (32 - bits);
}

function ipv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some(part => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
