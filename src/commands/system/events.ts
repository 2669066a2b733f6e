// podman events: what happened, and what happens from now on.
// Source: podman-events(1).

import { goJson } from "../../base/go-json.ts";
import { momentMs, parseRfc3339 } from "../../base/time.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showOne } from "../../cli/view.ts";
import { events, humanEvent, type Event } from "../../engine/events.ts";
import { verb } from "../verb.ts";

const fields = [
  "Attributes", "ContainerExitCode", "ContainerInspectData", "Error", "HealthStatus", "ID", "Image", "Name", "Network", "PodID", "Status", "Time",
  "TimeNano", "Type",
];

/** As templates and JSON see an event: Go's names, and times as numbers. */
function shownEvent(event: Event): Record<string, unknown> {
  return {
    ...(event.ContainerExitCode === undefined ? {} : { ContainerExitCode: event.ContainerExitCode }),
    ...(event.ID ? { ID: event.ID } : {}),
    ...(event.Image ? { Image: event.Image } : {}),
    ...(event.Name ? { Name: event.Name } : {}),
    ...(event.network ? { network: event.network } : {}),
    Status: event.Status,
    time: Math.floor(momentMs(event.Time) / 1000),
    timeNano: parseRfc3339(event.Time) ?? 0n,
    Type: event.Type,
    ...(event.health_status ? { health_status: event.health_status } : {}),
    ...(event.error ? { Error: event.error } : {}),
    ...(event.ContainerInspectData ? { ContainerInspectData: event.ContainerInspectData } : {}),
    ...(event.PodID ? { PodID: event.PodID } : {}),
    Attributes: event.Attributes ?? null,
  };
}

const zero = { ContainerExitCode: null, ID: "", Image: "", Name: "", network: "", health_status: "", Error: "", ContainerInspectData: "", PodID: "" };
const aliases = { Network: "network", Time: "time", TimeNano: "timeNano", HealthStatus: "health_status" };

/** JSON whose nanoseconds are whole: no double holds them. */
function jsonLine(shown: Record<string, unknown>): string {
  const { timeNano } = shown;
  return goJson({ ...shown, timeNano: "\u0001" }).replace('"\\u0001"', String(timeNano));
}

export default verb({
  usage: "[options]",
  about: "Monitor podman system events.\n\n  By default, streaming mode is used, printing new events as they occur.  Previous events can be listed via --since and --until.",
  operands: none(),
  flags: {
    filter: texts({ short: "f", help: "filter output", complete: () => ["container=", "event=", "image=", "label=", "pod=", "type=", "volume="] }),
    format: text({ help: "format the output using a Go template", complete: completesFormat(fields) }),
    noTrunc: toggle({ help: "do not truncate the output", fallback: true }),
    since: text({ help: "show all events created since timestamp" }),
    stream: toggle({ help: "stream events and do not exit when returning the last known event", fallback: true }),
    until: text({ help: "show all events until timestamp" }),
  },
  examples: ["podman events", "podman events --filter event=create", "podman events --format {{.Image}}", "podman events --since 1h30s"],
  async run({ context, flags }) {
    const { format } = flags;
    const wish = {
      filters: flags.filter, stream: flags.stream,
      ...(flags.since === undefined ? {} : { since: flags.since }),
      ...(flags.until === undefined ? {} : { until: flags.until }),
    };
    for await (const event of events(context.host, wish)) {
      if (format === undefined) context.out(humanEvent(event, !flags.noTrunc));
      else if (format === "json" || /^\{\{\s*json\s*\.\s*\}\}$/.test(format)) context.out(jsonLine(shownEvent(event)));
      else context.write(await showOne({ ...zero, ...shownEvent(event) }, format, { name: "events", type: "system.Event", aliases }));
    }
  },
});
