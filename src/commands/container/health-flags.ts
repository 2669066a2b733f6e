// Options of create, run and update that declare health checks.
// Source: podman-run(1), --health-*.

import type { ContainerSpec, HealthSpec } from "../../base/container-spec.ts";
import type { Healthcheck } from "../../base/oci-image.ts";
import { natural, text, toggle } from "../../cli/flag.ts";
import { readCheckCommand, readCheckTime, readOnFailure } from "./written/health.ts";
import { field } from "./spec-flag.ts";

type Draft = { -readonly [K in keyof HealthSpec]: HealthSpec[K] };

const health = (spec: ContainerSpec): Draft => (spec.health ??= {});
const check = (spec: ContainerSpec): Healthcheck => (health(spec).check ??= {});
const startup = (spec: ContainerSpec): NonNullable<HealthSpec["startup"]> => (health(spec).startup ??= {});

export const healthFlags = {
  healthCmd: field(text({ help: "set a healthcheck command for the container ('none' disables the existing healthcheck)" }), (spec, command) => {
    check(spec).Test = readCheckCommand(command);
  }),
  healthInterval: field(
    text({ help: "set an interval for the healthcheck. (a value of disable results in no automatic timer setup) ", shown: '"30s"' }),
    (spec, time) => {
      check(spec).Interval = readCheckTime("interval", time);
    },
  ),
  healthLogDestination: field(
    text({
      help: "set the destination of the HealthCheck log. Directory path, local or events_logger (local use container state file)",
      shown: '"local"',
    }),
    (spec, destination) => {
      health(spec).logDestination = destination;
    },
  ),
  healthMaxLogCount: field(
    natural({
      help: "set maximum number of attempts in the HealthCheck log file. ('0' value means an infinite number of attempts in the log file)",
      shown: "5",
    }),
    (spec, count) => {
      health(spec).maxLogCount = count;
    },
  ),
  healthMaxLogSize: field(
    natural({ help: "set maximum length in characters of stored HealthCheck log. ('0' value means an infinite log length)", shown: "500" }),
    (spec, characters) => {
      health(spec).maxLogSize = characters;
    },
  ),
  healthOnFailure: field(text({ help: "action to take once the container turns unhealthy", shown: '"none"' }), (spec, action) => {
    health(spec).onFailure = readOnFailure(action);
  }),
  healthRetries: field(natural({ help: "the number of retries allowed before a healthcheck is considered to be unhealthy", shown: "3" }), (spec, count) => {
    check(spec).Retries = count;
  }),
  healthStartPeriod: field(
    text({ help: "the initialization time needed for a container to bootstrap", shown: '"0s"' }),
    (spec, time) => {
      check(spec).StartPeriod = readCheckTime("start-period", time);
    },
  ),
  healthStartupCmd: field(text({ help: "Set a startup healthcheck command for the container" }), (spec, command) => {
    startup(spec).Test = readCheckCommand(command);
  }),
  healthStartupInterval: field(text({ help: "Set an interval for the startup healthcheck. ", shown: '"30s"' }), (spec, time) => {
    startup(spec).Interval = readCheckTime("interval", time);
  }),
  healthStartupRetries: field(
    natural({ help: "Set the maximum number of retries before the startup healthcheck will restart the container" }),
    (spec, count) => {
      startup(spec).Retries = count;
    },
  ),
  healthStartupSuccess: field(
    natural({
      help: "Set the number of consecutive successes before the startup healthcheck is marked as successful and the normal healthcheck begins (0 indicates any success will start the regular healthcheck)",
    }),
    (spec, count) => {
      startup(spec).Successes = count;
    },
  ),
  healthStartupTimeout: field(
    text({ help: "Set the maximum amount of time that the startup healthcheck may take before it is considered failed", shown: '"30s"' }),
    (spec, time) => {
      startup(spec).Timeout = readCheckTime("timeout", time);
    },
  ),
  healthTimeout: field(
    text({
      help: "the maximum time allowed to complete the healthcheck before an interval is considered failed and SIGKILL is sent to the healthcheck process",
      shown: '"30s"',
    }),
    (spec, time) => {
      check(spec).Timeout = readCheckTime("timeout", time);
    },
  ),
  noHealthcheck: field(toggle({ help: "Disable healthchecks on container" }), (spec, on) => {
    if (on) check(spec).Test = ["NONE"];
  }),
} as const;
