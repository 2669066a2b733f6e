// What the host's policy says of paths and ports, wherever it is read from; and which types lie at or under a path.
// Source: selabel_file(5), semanage-fcontext(8), semanage-port(8).

export interface FileContext {
  /** A regular expression over whole paths. */
  readonly expression: string;
  /** Undefined for <<none>>. */
  readonly type: string | undefined;
}

export interface PortRecord {
  readonly type: string;
  readonly protocol: string;
  readonly low: number;
  readonly high: number;
}

export interface LabelSource {
  /** The policy's, then those added on this machine, then those of home directories. */
  fileContexts(): readonly FileContext[];
  /** The type that the policy wants for a path. */
  lookup(path: string): string | undefined;
  /** The type that a path has now. */
  actual(path: string): string | undefined;
  /** Of those that hold a port the first counts: added on this machine, then the policy's. */
  ports(): readonly PortRecord[];
}

/** Every type at or under a path, in the source's order, with repeats. */
export function typesUnder(source: LabelSource, path: string): string[] {
  const found: string[] = [];
  for (const { expression, type } of source.fileContexts()) if (type !== undefined && reaches(expression, path)) found.push(type);
  for (const type of [source.lookup(path), source.actual(path)]) if (type !== undefined) found.push(type);
  return found;
}

export function portType(source: LabelSource, port: { readonly number: number; readonly protocol: string }): string | undefined {
  return source.ports().find(({ protocol, low, high }) => protocol === port.protocol && low <= port.number && port.number <= high)?.type;
}

/** Whether an expression can match `path` or something below it, going by whole components. */
export function reaches(expression: string, path: string): boolean {
  const wanted = path.length > 1 ? path.replace(/\/+$/, "") : "";
  let at = 0;
  for (const letter of wanted) {
    if (expression[at] === "\\") at++;
    else if (isMeta(expression[at])) return false;
    if (expression[at] !== letter || isCounted(expression[at + 1])) return false;
    at++;
  }
  return mayGoOn(expression.slice(at));
}

const isMeta = (letter: string | undefined): boolean => letter !== undefined && ".^$?*+|[({".includes(letter);
const isCounted = (letter: string | undefined): boolean => letter !== undefined && "?*+{".includes(letter);

/** What follows the path's own letters: nothing, a slash, or something that may stand for either. */
function mayGoOn(rest: string): boolean {
  if (rest === "" || rest.startsWith("/") || rest.startsWith("$")) return true;
  if (/^\.[*+?]/.test(rest) || rest === ".") return true;
  const group = /^\(((?:\\.|\[[^\]]*\]|[^()\\])*|(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*)\)([?*]?)/.exec(rest);
  if (!group) return false;
  const [whole, inside = "", count] = group;
  if (alternatives(inside.replace(/^\?:/, "")).some(word => mayGoOn(word + (word === "" ? rest.slice(whole.length) : "")))) return true;
  return count !== "" && mayGoOn(rest.slice(whole.length));
}

function alternatives(inside: string): string[] {
  const found = [""];
  let depth = 0;
  for (const letter of inside) {
    if (letter === "(") depth++;
    if (letter === ")") depth--;
    if (letter === "|" && depth === 0) found.push("");
    else found[found.length - 1] += letter;
  }
  return found;
}
