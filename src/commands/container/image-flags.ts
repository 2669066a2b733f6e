// Options of create and run that say which image and how to get it.
// Source: podman-run(1).

import { files } from "../../cli/complete.ts";
import { text, texts, toggle } from "../../cli/flag.ts";
import { retryFlags } from "../shared-flags.ts";
import { readImageVolume } from "./written/volumes.ts";
import { field } from "./spec-flag.ts";

export const imageFlags = {
  arch: field(text({ value: "ARCH", help: "use ARCH instead of the architecture of the machine for choosing images" }), (spec, architecture) => {
    spec.platform = { ...spec.platform, architecture };
  }),
  authfile: text({ help: "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override", complete: files }),
  certDir: text({ value: "Pathname", help: "Pathname of a directory containing TLS certificates and keys", complete: files }),
  creds: text({ value: "credentials", help: "credentials (USERNAME:PASSWORD) to use for authenticating to a registry" }),
  decryptionKey: texts({ secret: "whole", help: "Key needed to decrypt the image (e.g. /path/to/key.pem)", complete: files }),
  disableContentTrust: toggle({ help: "This is a Docker specific option and is a NOOP" }),
  os: field(text({ value: "OS", help: "use OS instead of the running OS for choosing images" }), (spec, os) => {
    spec.platform = { ...spec.platform, os };
  }),
  platform: field(text({ help: "Specify the platform for selecting the image.  (Conflicts with --arch and --os)" }), (spec, platform) => {
    const [os, architecture, variant] = platform.split("/");
    spec.platform = { os: os!, ...(architecture ? { architecture } : {}), ...(variant ? { variant } : {}) };
  }),
  pull: text({
    help: 'Pull image policy ("always"|"missing"|"never"|"newer")',
    fallback: "missing",
    complete: () => ["always", "missing", "never", "newer"],
  }),
  quiet: toggle({ short: "q", help: "Suppress output information when pulling images" }),
  ...retryFlags("pull"),
  rootfs: toggle({ help: "The first argument is not an image but the rootfs to the exploded container" }),
  signaturePolicy: text({ help: "Path to a signature policy file", hidden: true, complete: files }),
  tlsVerify: toggle({ help: "Require HTTPS and verify certificates when contacting registries for pulling images", fallback: true, shown: "" }),
  variant: field(text({ value: "VARIANT", help: "Use VARIANT instead of the running architecture variant for choosing images" }), (spec, variant) => {
    spec.platform = { ...spec.platform, variant };
  }),
  imageVolume: field(
    text({
      help: 'Tells podman how to handle the builtin image volumes ("bind"|"tmpfs"|"ignore")',
      shown: '"anonymous"',
      complete: () => ["bind", "anonymous", "tmpfs", "ignore"],
    }),
    (spec, mode) => {
      spec.imageVolume = readImageVolume(mode);
    },
  ),
} as const;
