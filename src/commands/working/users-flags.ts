// The options of builds and working containers that give their commands users of their own, each with the field it sets.
// Source: buildah-from(1), buildah-build(1), "--userns".

import type { ContainerSpec } from "../../base/container-spec.ts";
import { list, text } from "../../cli/flag.ts";
import { field } from "../container/spec-flag.ts";
import { readIdMaps } from "../container/written/id-map.ts";
import { readUserns } from "../container/written/namespaces.ts";

/** "container" and "private" are a namespace of its own; a path may stand without "ns:". */
function readUsers(written: string): NonNullable<ContainerSpec["namespaces"]>["user"] {
  if (written === "container" || written === "private" || written === "") return { kind: "private" };
  return readUserns(written.startsWith("/") ? `ns:${written}` : written);
}

export const usersFlags = {
  userns: field(text({ help: "'container', path of user namespace to join, or 'host'" }), (spec, written) => {
    const user = readUsers(written);
    if (user) spec.namespaces = { ...spec.namespaces, user };
  }),
  usernsGidMap: field(list({ value: "containerGID:hostGID:length", help: "containerGID:hostGID:length GID mapping to use in user namespace" }), (spec, lines) => {
    spec.gidMap = lines.flatMap(line => readIdMaps(line, "GID"));
  }),
  usernsGidMapGroup: field(text({ value: "name", help: "name of entries from /etc/subgid to use to set user namespace GID mapping" }), (spec, name) => {
    spec.subgidName = name;
  }),
  usernsUidMap: field(list({ value: "containerUID:hostUID:length", help: "containerUID:hostUID:length UID mapping to use in user namespace" }), (spec, lines) => {
    spec.uidMap = lines.flatMap(line => readIdMaps(line, "UID"));
  }),
  usernsUidMapUser: field(text({ value: "name", help: "name of entries from /etc/subuid to use to set user namespace UID mapping" }), (spec, name) => {
    spec.subuidName = name;
  }),
} as const;
