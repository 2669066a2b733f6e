// --rm=false and --force-rm=false: what steps leave behind as working containers, to be looked into.
// Source: buildah-build(1), "--rm", "--force-rm".

import { keepStep, type KeptStep } from "../engine/working/create.ts";
import type { StoredImage } from "../storage/store.ts";
import type { Shared } from "./shared.ts";
import type { Standing } from "./stage-image.ts";

function keptAs({ request }: Shared, { annotations }: Standing): Pick<KeptStep, "imageName" | "format" | "run"> {
  return { imageName: annotations["org.opencontainers.image.base.name"] ?? "", format: request.format, run: request.spec };
}

/** Over what the step has made; of steps in one root the last alone makes something. */
export function keepDone(shared: Shared, standing: Standing, image: StoredImage | undefined): void {
  if (shared.request.keeps === "all" && image !== undefined) keepStep(shared.host, { ...keptAs(shared, standing), image });
}

/** Whether the root of a step that failed is to stay; where the build was told to stop it is not. */
export const keepsFailed = ({ request, abort }: Shared): boolean => request.keeps !== "none" && !request.planOnly && !abort.signal.aborted;

/** The root as the step has left it. Answers the working container's name. */
export function keepFailed(shared: Shared, standing: Standing, root: string): string {
  const { host, lease } = shared;
  host.store.roots.unmount(root, { force: true });
  return keepStep(host, { ...keptAs(shared, standing), image: standing.image, root: { id: root, release: () => lease.keepRoot(root) } }).name;
}
