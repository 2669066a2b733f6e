// podman artifact ls.
// Source: podman-artifact-ls(1).

import { hexOf } from "../../base/digest.ts";
import { humanDuration } from "../../base/duration.ts";
import { humanSizeTight } from "../../base/bytes.ts";
import { momentMs } from "../../base/time.ts";
import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { completesFormat, showRows, view } from "../../cli/view.ts";
import { listArtifacts, sizeOfArtifact, type Artifact } from "../../image/artifact/artifacts.ts";
import { findReference, repositoryOf } from "../../image/reference.ts";
import { noTrunc } from "../shared-flags.ts";
import { verb } from "../verb.ts";

const created = ({ content }: Artifact): string => content.annotations?.["org.opencontainers.image.created"] ?? "";
const ago = (artifact: Artifact): string => (created(artifact) === "" ? "" : `${humanDuration(Date.now() - momentMs(created(artifact)))} ago`);
const moment = (artifact: Artifact): string =>
  created(artifact).replace(/^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d(?:\.\d+)?)(?:[Zz]|([+-]\d\d):?(\d\d))$/, (_all, day, time, hours = "+00", minutes = "00") =>
    `${day} ${time} ${hours}${minutes} ${hours === "+00" && minutes === "00" ? "UTC" : `${hours}${minutes}`}`);

const digits = 12;

const artifacts = (isWhole: boolean) => view<Artifact>({
  name: "ls",
  type: "artifact.artifactListOutput",
  columns: {
    Created: ["CREATED", ago],
    CreatedAt: ["CREATED AT", moment],
    Digest: ["DIGEST", ({ manifest }) => hexOf(manifest.digest).slice(0, isWhole ? undefined : digits)],
    Repository: ["REPOSITORY", ({ name }) => repositoryOf(findReference(name)!)],
    Size: ["SIZE", (artifact) => humanSizeTight(sizeOfArtifact(artifact), 4)],
    Tag: ["TAG", ({ name }) => findReference(name)!.tag ?? ""],
    VirtualSize: ["VIRTUAL SIZE", (artifact) => String(sizeOfArtifact(artifact))],
  },
  table: "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.Created}}\t{{.Size}}",
  json: (artifact) => ({
    Digest: hexOf(artifact.manifest.digest).slice(0, isWhole ? undefined : digits),
    Repository: repositoryOf(findReference(artifact.name)!),
    Tag: findReference(artifact.name)!.tag ?? "",
    CreatedAt: created(artifact),
    Size: humanSizeTight(sizeOfArtifact(artifact), 4),
    VirtualSize: sizeOfArtifact(artifact),
  }),
});

export default verb({
  usage: "[options]",
  about: "List OCI artifacts in local store",
  operands: none(),
  flags: {
    format: text({
      help: "Format volume output using JSON or a Go template",
      shown: '"{{range .}}{{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.Created}}\\t{{.Size}}\\n{{end -}}"',
      complete: (word, at) => completesFormat(artifacts(false).columns)(word, at),
    }),
    noTrunc,
    noheading: toggle({ short: "n", help: "Do not print column headings" }),
  },
  examples: ["podman artifact ls"],
  async run({ context, flags }) {
    const showing = { ...(flags.format === undefined ? {} : { format: flags.format }), noHeading: flags.noheading };
    context.write(await showRows(artifacts(flags.noTrunc), listArtifacts(context.host.store), showing));
  },
});
