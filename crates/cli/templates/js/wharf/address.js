// Addresses, ids and capabilities: text for us, records for the node.

import node from "kinode:process/standard@1.0.0";

/** The text of an id. */
export const idText = (id) => `${id.processName}:${id.packageName}:${id.publisherNode}`;

/** The text of an address. */
export const addressText = (address) => `${address.node}@${idText(address.process)}`;

/** The id of a text. */
export function parseId(text) {
  const [processName, packageName, publisherNode, ...more] = text.split(":");
  if (!publisherNode || more.length > 0) throw new Error(`${text} is not process:package:publisher`);
  return { processName, packageName, publisherNode };
}

/** The address of a text; one without a node is on this one. */
export function parseAddress(text) {
  const [, on, process] = /^(?:([^@]*)@)?(.*)$/.exec(text);
  return { node: on ?? "our", process: parseId(process) };
}

/** The text of an address, with the name of the node that it is on. */
export function fullAddress(text) {
  const { node: on, process } = parseAddress(text);
  return addressText({ node: on === "our" ? node.our().node : on, process });
}

/** A package id of a text, as modules are told it. */
export function packageId(text) {
  const [package_name, publisher_node, ...more] = text.split(":");
  if (!publisher_node || more.length > 0) throw new Error(`${text} is not package:publisher`);
  return { package_name, publisher_node };
}

export const toCaps = (caps) => caps.map(({ issuer, params }) => ({ issuer: parseAddress(issuer), params }));
export const fromCaps = (caps) => caps.map(({ issuer, params }) => ({ issuer: addressText(issuer), params }));

/** The same text for the same JSON, whatever its blanks and the order of its keys; NaN, which is equal to nothing, for what is none. */
export function sorted(json) {
  const inOrder = (_, value) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  try {
    return JSON.stringify(JSON.parse(json), inOrder);
  } catch {
    return NaN;
  }
}

/** Our address. */
export const our = () => addressText(node.our());

/** Our package, `package:publisher`. */
export const ourPackage = () => our().split("@")[1].split(":").slice(1).join(":");

/** Shows a line to whoever watches the node. Verbosity 0 is for everyone, 3 for debugging. */
export const print = (text, verbosity = 0) => node.printToTerminal(verbosity, String(text));
