// Taking one image away, by what its transport understands by that.

import { Fault } from "../base/fault.ts";
import { endpointsFor } from "../registry/registries-conf.ts";
import { referenceText } from "./reference.ts";
import { registriesOf } from "./short-names.ts";
import { dockerReference, splitPath, storeNamed } from "./transport.ts";
import type { ImageName, World } from "./transport.ts";

/** @throws Fault "registry.*", "image.not-found", "image.in-use", "usage.unsupported" */
export async function deleteImage({ transport, rest }: ImageName, world: World): Promise<void> {
  switch (transport) {
    case "docker": return deleteFromRegistry(rest, world);
    case "oci": {
      const { path, name } = splitPath(rest);
      return (await import("./transports/oci.ts")).removeFromLayout(path, name, world.system?.sharedBlobDir);
    }
    case "containers-storage": {
      const { store, text } = await storeNamed(rest, world);
      const { getFound } = await import("./resolve.ts");
      store.images.remove(getFound(store, text, world.system).image.id);
      return;
    }
    default: throw new Fault("usage.unsupported", `Deleting images not implemented for ${transport}: images`);
  }
}

async function deleteFromRegistry(rest: string, { system = {} }: World): Promise<void> {
  const reference = dockerReference(rest);
  const endpoint = endpointsFor(registriesOf(system), referenceText(reference)).filter(one => !one.isMirror).at(-1);
  if (!endpoint) throw new Fault("registry.unreachable", `cannot delete docker://${rest}: no registry to write to`);
  const { clientFor, whatOf } = await import("./transports/registry.ts");
  const client = await clientFor(endpoint, system, "push");
  await client.deleteManifest(endpoint.repository, whatOf(reference));
}
