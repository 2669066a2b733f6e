// Values as Go sees them: which kind a JavaScript value is, its fields, and whether it counts as true.
// Source: Go's reflect kinds as text/template uses them.

export type Kind = "nil" | "bool" | "int" | "float64" | "string" | "slice" | "map" | "struct" | "func";

/** Which plain objects are Go maps, and how fields are called. Lives as long as one rendering. */
export class Shapes {
  readonly #kinds = new WeakMap<object, { kind: "map" | "struct"; type: string }>();
  readonly #maps: ReadonlySet<string>;
  readonly aliases: Readonly<Record<string, string>>;
  readonly #zeros: Readonly<Record<string, unknown>>;

  /** @param more.zeros fields that JSON leaves out when they say nothing, with what a template then sees */
  constructor(more: { maps?: readonly string[]; aliases?: Readonly<Record<string, string>>; zeros?: Readonly<Record<string, unknown>> } = {}) {
    this.#maps = new Set([...usualMaps, ...(more.maps ?? [])]);
    this.aliases = more.aliases ?? {};
    this.#zeros = more.zeros ?? {};
  }

  mark(value: object, kind: "map" | "struct", type: string): void {
    this.#kinds.set(value, { kind, type });
  }

  kindOf(value: unknown): Kind {
    if (value === undefined || value === null) return "nil";
    switch (typeof value) {
      case "boolean": return "bool";
      case "string": return "string";
      case "bigint": return "int";
      case "number": return Number.isInteger(value) ? "int" : "float64";
      case "function": return "func";
    }
    if (Array.isArray(value) || value instanceof Uint8Array) return "slice";
    if (value instanceof Map) return "map";
    if (value instanceof Number) return "int";
    return this.#kinds.get(value as object)?.kind ?? "struct";
  }

  /** The type's name in messages. */
  typeOf(value: unknown): string {
    const kind = this.kindOf(value);
    if (kind === "nil") return "<nil>";
    if (kind === "struct") return this.#kinds.get(value as object)?.type ?? "struct";
    if (kind === "map") return "map[string]interface {}";
    if (kind === "slice") {
      const first = (value as unknown[])[0];
      return first === undefined ? "[]string" : `[]${this.typeOf(first)}`;
    }
    return kind;
  }

  /** The value of a field or key; undefined with `isKnown` false when there is none. */
  field(owner: object, name: string): { value: unknown; isKnown: boolean } {
    if (owner instanceof Map) return { value: owner.get(name), isKnown: owner.has(name) };
    const alias = this.aliases[name];
    const key = Object.hasOwn(owner, name) || alias === undefined ? name : alias;
    if (!Object.hasOwn(owner, key)) {
      const isZero = Object.hasOwn(this.#zeros, key) && this.kindOf(owner) === "struct";
      return { value: isZero ? this.#zeros[key] : undefined, isKnown: isZero };
    }
    const value = (owner as Record<string, unknown>)[key];
    this.#learn(name, value);
    return { value, isKnown: true };
  }

  /** Keys in Go's order: sorted for maps, declared for structs. */
  keys(owner: object): string[] {
    if (owner instanceof Map) return [...owner.keys()].map(String).sort(byBytes);
    const keys = Object.keys(owner);
    return this.kindOf(owner) === "map" ? keys.sort(byBytes) : keys;
  }

  isMapName(name: string): boolean {
    return this.#maps.has(name);
  }

  #learn(name: string, value: unknown): void {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    if (!this.#kinds.has(value)) this.mark(value, this.isMapName(name) ? "map" : "struct", `define.${name}`);
  }
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Fields of podman's reports that are maps wherever they occur. */
const usualMaps = [
  "Labels", "Annotations", "Options", "Networks", "Ports", "Sysctls", "Sysctl", "Volumes", "ExposedPorts", "Data",
  "Metadata", "Status", "GraphOptions", "GraphStatus", "PortBindings", "Tmpfs", "StorageOpt", "Registries", "registries",
  "Containers", "containers", "LogOpts", "IPAMOptions", "ipam_options", "labels", "options", "NamespaceOptions", "Unified",
];

/** Go's truth: not zero, not empty. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "") return false;
  if (typeof value === "number" || typeof value === "bigint") return Number(value) !== 0;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  // Only maps are ever empty: structs have fields.
  if (typeof value === "object") return Object.keys(value).length > 0;
  return true;
}
