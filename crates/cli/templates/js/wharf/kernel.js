// Processes and capabilities, for those who may manage them.
//
// Every call takes the kernel's messaging capability. That allows to look, and to manage one's own package with what one holds.
// The rest takes the kernel's capability `{"root":true}`, which is power over the whole node. The shapes of the answers are in
// docs/reference/kernel.md.

import { fullAddress, packageId } from "./address.js";
import { ModuleError } from "./module.js";
import { Request, failureIn } from "./request.js";

const TIMEOUT_S = 60;
const COMPILE_TIMEOUT_S = 600;

// The kernel tells the reason in the metadata, as its bodies have no room for it.
function ask(tried, command, bytes = null) {
  const request = Request.toModule("kernel").json(command);
  if (bytes !== null) request.blob(bytes);
  const message = request.sendAndAwaitResponse(bytes === null ? TIMEOUT_S : COMPILE_TIMEOUT_S);
  const answer = message.json();
  const refusal = answer?.Err ?? (/Error$/.test(answer) ? answer : null);
  if (refusal !== null) throw new ModuleError(tried, failureIn(message.metadata) ?? refusal);
  return answer;
}

/** Every process of the node. */
export const processes = () => ask("list the processes", "Processes").Processes;

/** The processes that are gone, as far as they are remembered, the oldest first. */
export const ended = () => ask("list the processes that are gone", "Ended").Ended;

/** The node. */
export const status = () => ask("ask for the node's status", "Status").Status;

/** What a process holds and issued. */
export const capabilities = (process) => ask(`list the capabilities of ${process}`, { Capabilities: process }).Capabilities;

/**
 * Creates a process of a component: its bytes, and the path in the vfs from which they are read at the next boot. It begins
 * with `run`.
 */
export function initialize(id, wasmPath, wasm, { onExit = "None", public: isPublic = false } = {}) {
  const told = { id, wasm_bytes_handle: wasmPath, wit_version: 1, on_exit: onExit, initial_capabilities: [], public: isPublic };
  ask(`create process ${id}`, { InitializeProcess: told }, wasm);
}

/** Starts a process that was created. */
export const run = (id) => void ask(`start process ${id}`, { RunProcess: id });

/** Ends a process. */
export const kill = (id) => void ask(`end process ${id}`, { KillProcess: id });

/** Gives capabilities, `[{ issuer, params }]`, to a process. */
export const grant = (target, capabilities) =>
  void ask(`grant ${target}`, { GrantCapabilities: { target, capabilities: told(capabilities) } });

/** Takes capabilities from a process, and from nobody else. */
export const dropCapabilities = (target, capabilities) =>
  void ask(`take capabilities from ${target}`, { DropCapabilities: { target, capabilities: told(capabilities) } });

/** Takes capabilities from a process and from everyone who has them through it; from everyone when `target` is null. */
export const revoke = (target, capabilities) =>
  void ask("revoke capabilities", { RevokeCapabilities: { target, capabilities: told(capabilities) } });

/** Revokes everything that processes of a package hold, what they handed on, and what they issued. */
export const revokePackage = (name) => void ask(`revoke all of ${name}`, { RevokePackage: packageId(name) });

/** Changes what happens when a process ends: "None" or "Restart". */
export const setOnExit = (target, onExit) =>
  void ask(`set what happens when ${target} ends`, { SetOnExit: { target, on_exit: onExit } });

/** Compiles and links a component, and keeps nothing but the compiled code. Throws when it cannot run here. */
export const checkComponent = (wasm) => void ask("check the component", "CheckComponent", wasm);

/** Checks an Ed25519 signature of at most 64 KiB; key and signature are hex. Throws when it is not one. */
export const verifySignature = (publicKey, signature, bytes) =>
  void ask("verify a signature", { VerifySignature: { public_key: publicKey, signature } }, bytes);

const told = (caps) => caps.map(({ issuer, params }) => ({ issuer: fullAddress(issuer), params }));
