// oci-archive: an image layout in one tar file.
// Source: containers-transports(5), "oci-archive:path[:reference]".

import type { Descriptor } from "../../base/oci-image.ts";
import { scratch } from "../../base/scratch.ts";
import { openArchive, packDirectory } from "../archive.ts";
import type { Sink, Source } from "../source.ts";
import { layoutSource, ociSink } from "./oci.ts";
import type { LayoutSinkOptions } from "./oci.ts";

export async function ociArchiveSource(
  path: string,
  name: string,
  tmpDir?: string,
): Promise<Source & { readonly entry: Descriptor }> {
  const tree = await openArchive(path, tmpDir);
  try {
    return layoutSource(tree, { scheme: "oci-archive", name });
  } catch (thrown) {
    tree.close();
    throw thrown;
  }
}

export interface ArchiveSinkOptions extends LayoutSinkOptions {
  readonly tmpDir?: string;
  /** An open descriptor to write to instead of `path`, such as standard output's. */
  readonly fd?: number;
}

/** Collects the layout aside; the archive is written when the copy went well. */
export function ociArchiveSink(path: string, name: string, options: ArchiveSinkOptions = {}): Sink {
  const aside = scratch(options.tmpDir);
  const title = `oci-archive:${path}${name === "" ? "" : `:${name}`}`;
  const inner = ociSink(aside.path, name, { ...options, title });
  return {
    ...inner,
    async close(ok) {
      try {
        await inner.close(ok);
        if (ok) await packDirectory(aside.path, options.fd ?? path, ["oci-layout", "index.json"]);
      } finally {
        aside.remove();
      }
    },
  };
}
