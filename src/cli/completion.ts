// placeholder
import type { Persona } from "./command.ts";
import type { Hooks } from "./program.ts";
export async function completeLine<C>(_p: Persona<C>, _argv: readonly string[], _h: Hooks<C>): Promise<number> { throw new Error("not written yet"); }
