// Renders views and single values: table, json, or a Go template.

import type { OneShowing, Showing, View } from "./view.ts";

export function renderRows<R>(_view: View<R>, _rows: readonly R[], _showing: Showing): string {
  throw new Error("not written yet");
}

export function renderOne(_value: unknown, _format: string, _showing: OneShowing): string {
  throw new Error("not written yet");
}
