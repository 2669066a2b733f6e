// Options of create, run and pod create that concern the network.
// Source: podman-run(1).

import { files } from "../../cli/complete.ts";
import { list, text, texts, toggle } from "../../cli/flag.ts";
import { checkDns, checkHost, readNetworks } from "./written/networks.ts";
import { readExpose, readPorts } from "./written/ports.ts";
import { networkNames } from "../suggest.ts";
import { field } from "./spec-flag.ts";

export const networkFlags = {
  addHost: field(list({ help: "Add a custom host-to-IP mapping (host:ip)", shown: "[]" }), (spec, hosts) => {
    spec.hostAdd = hosts.map(checkHost);
  }),
  dns: field(list({ help: "Set custom DNS servers" }), (spec, servers) => {
    spec.dnsServers = checkDns(servers);
  }),
  dnsOption: field(list({ help: "Set custom DNS options", aliases: ["dns-opt"] }), (spec, options) => {
    spec.dnsOptions = [...options];
  }),
  dnsSearch: field(list({ help: "Set custom DNS search domains" }), (spec, domains) => {
    spec.dnsSearch = [...domains];
  }),
  expose: field(list({ help: "Expose a port or a range of ports" }), (spec, written) => {
    spec.expose = readExpose(written);
  }),
  hostsFile: field(
    text({ help: 'Base file to create the /etc/hosts file inside the container, or one of the special values. ("image"|"none")', complete: files }),
    (spec, file) => {
      spec.hostsFile = file;
    },
  ),
  ip: text({ help: "Specify a static IPv4 address for the container" }),
  ip6: text({ help: "Specify a static IPv6 address for the container" }),
  macAddress: text({ help: "Container MAC address (e.g. 92:d0:c6:0a:29:33)" }),
  network: field(texts({ help: "Connect a container to a network", aliases: ["net"], complete: networkNames }), (spec, written) => {
    spec.network = readNetworks(written);
  }),
  networkAlias: list({ help: "Add network-scoped alias for the container" }),
  noHostname: field(toggle({ help: "Do not create /etc/hostname within the container, instead use the version from the image" }), (spec, on) => {
    spec.noHostname = on;
  }),
  noHosts: field(toggle({ help: "Do not create /etc/hosts within the container, instead use the version from the image" }), (spec, on) => {
    spec.noHosts = on;
  }),
  publish: field(list({ short: "p", help: "Publish a container's port, or a range of ports, to the host", shown: "[]" }), (spec, written) => {
    spec.ports = readPorts(written);
  }),
  publishAll: field(toggle({ short: "P", help: "Publish all exposed ports to random ports on the host interface" }), (spec, on) => {
    spec.publishAll = on;
  }),
} as const;
