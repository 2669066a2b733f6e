// skopeo experimental-image-proxy: images over a socket pair for ostree, bootc and their like.

import { whole } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { serveImageProxy } from "../../engine/image-proxy/image-proxy.ts";
import { openSource, parseImageName } from "../../image/transport.ts";
import type { ImageSystem } from "../../image/system.ts";
import { isMissingImage } from "./invocation.ts";
import { authfile, imageFlags, retryFlags, sideSystem, worldOf } from "./sides.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "[command options] IMAGE",
  about: "Run skopeo as a proxy that fetches manifests and blobs for another program, which speaks to it over a socket pair.",
  operands: exactly(0),
  flags: {
    authfile,
    ...imageFlags(""),
    ...retryFlags,
    sockfd: whole({ fallback: 0, help: "Serve on opened socket pair (default 0/stdin)" }),
  },
  needs: "nothing",
  examples: ["skopeo experimental-image-proxy --sockfd 3"],
  async run(call) {
    const { context, flags } = call;
    const system: ImageSystem = { ...sideSystem(call, ""), policy: await context.policy(), clients: new Map() };
    await serveImageProxy(flags.sockfd as number, {
      open: async (name) => openSource(parseImageName(name), worldOf(context, system)),
      isMissing: isMissingImage,
      ...(system.platform ? { platform: system.platform } : {}),
    });
  },
});
