// Loading an archive or directory whose kind nobody said, as `podman load` does.
// Source: podman-load(1).

import { Fault } from "../base/fault.ts";
import { pullFrom } from "./pull.ts";
import type { LoadedImage, PullRequest } from "./pull.ts";

const tried = ["oci", "oci-archive", "docker-archive", "dir"] as const;

/** Tries each kind in turn; the first that reads as such counts. @throws Fault "image.malformed" that lists all reasons */
export async function loadImages(path: string, request: Omit<PullRequest, "policy">): Promise<LoadedImage[]> {
  const reasons: string[] = [];
  let isRejected = false;
  for (const transport of tried) {
    try {
      return await pullFrom({ transport, rest: path }, { ...request, policy: "always" });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (!isOtherKind(thrown)) throw thrown;
      isRejected ||= thrown.code === "policy.rejected";
      reasons.push(`${transport}: ${thrown.message}`);
    }
  }
  throw new Fault(
    isRejected ? "policy.rejected" : "image.malformed",
    `payload does not match any of the supported image formats:\n${reasons.map(reason => ` * ${reason}`).join("\n")}`,
    { hint: "give a file made by podman save or docker save" },
  );
}

/** Whether another kind may still fit. */
const isOtherKind = ({ code }: Fault): boolean => code !== "system.no-space" && (
  code === "image.malformed" || code === "image.not-found" || code === "reference.malformed" || code.startsWith("system.") ||
  // Rejected by its own scope; it may be of a kind that another scope lets in.
  code === "policy.rejected");
