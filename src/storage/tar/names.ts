// Names in archives made plain: no leading slash, no ".", no "..", and refused when they climb out.

import { Fault } from "../../base/fault.ts";
import { type ByteText, showName } from "./entry.ts";

const needsCare = /^\.?$|\/\/|^\.{1,2}\/|\/\.{1,2}(?:\/|$)|^\.\.$/;

/** "" for the root itself. @throws Fault "layer.escapes" for a name that climbs above the root */
export function cleanName(name: ByteText): ByteText {
  let start = 0;
  while (name.charCodeAt(start) === 0x2f) start++;
  let end = name.length;
  while (end > start && name.charCodeAt(end - 1) === 0x2f) end--;
  const trimmed = name.slice(start, end);
  return needsCare.test(trimmed) ? cleanParts(trimmed, name) : trimmed;
}

function cleanParts(trimmed: ByteText, name: ByteText): ByteText {
  const parts: ByteText[] = [];
  for (const part of trimmed.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) {
      throw new Fault("layer.escapes", `cannot unpack "${showName(name)}": the name leads out of the layer`, {
        hint: "do not use this image: its layer tries to write outside of the container",
      });
    }
  }
  return parts.join("/");
}

/** The directory ("" for the root) and the last part of a clean name. */
export function splitPath(path: ByteText): { directory: ByteText; name: ByteText } {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? { directory: "", name: path } : { directory: path.slice(0, slash), name: path.slice(slash + 1) };
}
