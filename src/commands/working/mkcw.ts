// buildah mkcw: refused, as confidential workloads are not part of this version.
// Source: buildah-mkcw(1).

import { Fault } from "../../base/fault.ts";
import { natural, text, texts } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[flags] IMAGE OUTPUT",
  about: "Convert a conventional image to a confidential workload image.",
  operands: exactly(2),
  flags: {
    addFile: texts({ value: "source:destination", help: "add contents of a file to the image at a specified path (source:destination)" }),
    attestationUrl: text({ short: "u", help: "attestation server URL" }),
    baseImage: text({ short: "b", help: "alternate base image (default: scratch)" }),
    cpus: natural({ short: "c", help: "number of CPUs to expect" }),
    firmwareLibrary: text({ short: "f", help: "location of libkrunfw-sev.so" }),
    memory: natural({ short: "m", help: "amount of memory to expect (MB)" }),
    passphrase: text({ short: "p", help: "passphrase to use to encrypt the image" }),
    slop: text({ short: "s", help: "extra space needed for converting a container rootfs to a disk image" }),
    type: text({ short: "t", help: "TEE (trusted execution environment) type: SEV,SNP" }),
    workloadId: text({ short: "w", help: "workload ID" }),
  },
  needs: "nothing",
  run() {
    throw new Fault("usage.unsupported", "cannot make a confidential workload: mkcw is not part of this version");
  },
});
