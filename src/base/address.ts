// Addresses for a person's eyes, a log or a history: without the passwords and tokens in them.
// Source: RFC 3986 section 3.2.1, "User Information".

const userinfo = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s\/@"'?#]{1,4096})@/gi;

/** Without a scheme, as in a reference that is none: somebody, a word, a host and a path. A digest has no path behind it. */
const bareUserinfo = /(?<![\w.:/@-])([\w.-]{1,255}):([^\s\/@"'\\]{1,4096})@(?=[\w.-]+(?::\d+)?\/)/g;

/** Every address in the text; a name alone is a token where it is the web's. */
export function withoutUserinfo(text: string): string {
  if (!text.includes("@")) return text;
  return text.replace(userinfo, (_, scheme: string, info: string) => `${scheme}${shownInfo(scheme, info)}@`).replace(bareUserinfo, "$1:***@");
}

function shownInfo(scheme: string, info: string): string {
  const colon = info.indexOf(":");
  if (colon >= 0) return `${info.slice(0, colon)}:***`;
  return /^https?:/i.test(scheme) ? "***" : info;
}

export interface SplitAddress {
  /** Without name and password. */
  readonly address: string;
  readonly name: string;
  readonly password: string;
}

/** Undefined where the web address names nobody. */
export function splitUserinfo(address: string): SplitAddress | undefined {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  const [name, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (name === "" && password === "") return undefined;
  url.username = url.password = "";
  return { address: url.href, name, password };
}
