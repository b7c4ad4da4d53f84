export { AutoForge } from "./client.js";
export * from "./errors.js";
export { compile } from "./filling.js";
export type { Options, Sent } from "./requests.js";
export type * from "./types.js";
