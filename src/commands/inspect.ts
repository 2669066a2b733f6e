// podman inspect and its kin: everything known of one object, as JSON or by a template.
// Source: podman-inspect(1).

import { Fault } from "../base/fault.ts";
import { goJson } from "../base/go-json.ts";
import { text, toggle } from "../cli/flag.ts";
import { any } from "../cli/operands.ts";
import { showOne, type OneShowing } from "../cli/view.ts";
import { inspect as inspectContainer } from "../engine/containers/inspect.ts";
import { find, latest as latestOf } from "../engine/containers/lookup.ts";
import type { Host } from "../engine/host.ts";
import { latest } from "./shared-flags.ts";
import { allContainers } from "./suggest.ts";
import { verb, type Invocation, type VerbCall } from "./verb.ts";
import { refuse } from "./container/written/refuse.ts";

type Kind = "container" | "image" | "volume" | "network" | "pod";
const kinds: readonly Kind[] = ["container", "image", "volume", "network", "pod"];

interface Found {
  readonly kind: Kind;
  readonly value: unknown;
}

export const formatFlag = text({ short: "f", help: "Format the output to a Go template or json", fallback: "json" });

const flags = {
  format: formatFlag,
  latest,
  size: toggle({ short: "s", help: "Display total file size" }),
  type: text({ short: "t", help: "Specify inspect-object type", fallback: "all", complete: () => ["all", "artifact", ...kinds] }),
} as const;

const about = [
  "Displays the low-level information on an object identified by name or ID.",
  "  For more inspection options, see:", "",
  ...["artifact", "container", "image", "network", "pod", "volume"].map((kind) => `      podman ${kind} inspect`),
].join("\n");

export default verb({
  looks: true,
  usage: "[options] {ARTIFACT|CONTAINER|IMAGE|POD|NETWORK|VOLUME} [...]",
  about,
  operands: any(allContainers),
  flags,
  examples: [
    "podman inspect fedora",
    "podman inspect --type image fedora",
    "podman inspect CtrID ImgID",
    'podman inspect --format "imageId: {{.Id}} size: {{.Size}}" fedora',
  ],
  async run(call) {
    const { context, flags: asked, operands } = call;
    check(call);
    const wanted = kinds.filter((kind) => asked.type === "all" || asked.type === "" || asked.type === kind);
    const names = asked.latest ? [latestOf(context.host).id] : operands;
    await inspectEach(context, names, { kinds: asked.latest ? ["container"] : wanted, format: asked.format, size: asked.size });
    return context.exitStatus;
  },
});

function check({ flags: asked, operands }: VerbCall<typeof flags>): void {
  if (!["all", "", "artifact", ...kinds].includes(asked.type)) {
    throw refuse(`invalid type ${JSON.stringify(asked.type)}: must be one of "artifact", "container", "image", "network", "pod", "volume" or "all"`);
  }
  if (asked.latest && operands.length > 0) throw refuse("--latest and arguments cannot be used together");
  if (operands.length === 0 && !asked.latest) throw refuse("no containers, images, volumes, networks or pods to inspect: names or ids must be specified");
  if (asked.size && !["all", "", "container"].includes(asked.type)) throw refuse("--size can only be used for containers");
}

export interface InspectAsked {
  readonly kinds: readonly Kind[];
  readonly format: string;
  readonly size?: boolean;
}

/** Prints what is found of `names` and one error for each that is not; status 125 for those. */
export async function inspectEach(context: Invocation, names: readonly string[], asked: InspectAsked): Promise<void> {
  const found: Found[] = [];
  const faults: unknown[] = [];
  for (const name of names) {
    try {
      found.push(await findAny(context.host, name, asked));
    } catch (fault) {
      faults.push(fault);
    }
  }
  await show(context, found, asked.format);
  for (const fault of faults) context.failed(fault);
}

async function show(context: Invocation, found: readonly Found[], format: string): Promise<void> {
  if (format === "json" || format === "") {
    context.out(found.length === 0 ? "[]" : goJson(found.map(({ value }) => value), { indent: "     " }));
    return;
  }
  for (const { kind, value } of found) context.write(await showOne(value, format, { name: "inspect", ...templateNames[kind] }));
}

const templateNames: Readonly<Record<Kind, Pick<OneShowing, "type" | "aliases" | "zeros">>> = {
  container: {
    type: "define.InspectContainerData",
    aliases: { ID: "Id", Healthcheck: "Health", HealthMaxLogCount: "HealthcheckMaxLogCount", HealthMaxLogSize: "HealthcheckMaxLogSize" },
    zeros: {
      Networks: new Map(), ConmonPid: 0, CgroupPath: "", CheckpointLog: "", CheckpointPath: "", RestoreLog: "", Restored: false,
      CreateCommand: [], ChrootDirs: [], Timezone: "", SubPath: "", SizeRootFs: 0, IntelRdtClosID: "",
    },
  },
  image: { type: "inspect.ImageData", aliases: { ID: "Id" } },
  volume: {
    type: "define.InspectVolumeData",
    zeros: { Anonymous: false, GID: 0, NeedsChown: false, NeedsCopyUp: false, Status: new Map(), StorageID: "", Timeout: 0, UID: 0 },
  },
  network: {
    type: "entities.NetworkInspectReport",
    aliases: {
      Name: "name", ID: "id", Driver: "driver", NetworkInterface: "network_interface", Created: "created", Subnets: "subnets",
      Routes: "routes", IPv6Enabled: "ipv6_enabled", Internal: "internal", DNSEnabled: "dns_enabled", Labels: "labels",
      Options: "options", IPAMOptions: "ipam_options", Containers: "containers", NetworkDNSServers: "network_dns_servers",
      Subnet: "subnet", Gateway: "gateway", LeaseRange: "lease_range", StartIP: "start_ip", EndIP: "end_ip", Destination: "destination", Metric: "metric",
    },
  },
  pod: { type: "define.InspectPodData" },
};

/** The first kind that knows the name. @throws Fault */
async function findAny(host: Host, name: string, asked: InspectAsked): Promise<Found> {
  for (const kind of asked.kinds) {
    const value = await finders[kind](host, name, asked.size ?? false);
    if (value !== undefined) return { kind, value };
  }
  throw notFound(name, asked.kinds);
}

const finders: Readonly<Record<Kind, (host: Host, name: string, size: boolean) => Promise<unknown>>> = {
  async container(host, name, size) {
    const record = find(host, name);
    return record && inspectContainer(host, record.id, { size });
  },
  async image(host, name) {
    const { findImage } = await import("../image/resolve.ts");
    const { inspectImage } = await import("../image/inspect.ts");
    const image = findImage(host.store, name, host.imageSystem);
    return image && inspectImage(host.store, image);
  },
  async volume(host, name) {
    const { getVolume, inspectVolume } = await import("../engine/volumes/volumes.ts");
    return orNothing("volume.not-found", () => inspectVolume(host, getVolume(host, name)));
  },
  async network(host, name) {
    const { inspectNetwork } = await import("../engine/networks/networks.ts");
    return orNothing("network.not-found", () => inspectNetwork(host, name));
  },
  async pod() {
    return undefined;
  },
};

function orNothing<T>(code: Fault["code"], read: () => T): T | undefined {
  try {
    return read();
  } catch (fault) {
    if (fault instanceof Fault && fault.code === code) return undefined;
    throw fault;
  }
}

function notFound(name: string, asked: readonly Kind[]): Fault {
  const [only, more] = asked;
  if (more !== undefined || only === undefined) return new Fault("container.not-found", `no such object: ${JSON.stringify(name)}`);
  if (only === "container") return new Fault("container.not-found", `no such container ${JSON.stringify(name)}`);
  if (only === "image") return new Fault("image.not-found", `${name}: image not known`);
  if (only === "volume") return new Fault("volume.not-found", `no such volume ${name}`);
  if (only === "network") return new Fault("network.not-found", `network ${name}: unable to find network with name or ID ${name}: network not found`);
  return new Fault("container.not-found", `no such pod ${name}`);
}
