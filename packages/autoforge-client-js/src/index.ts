export { AutoForge, type Options, type Which } from "./client.js";
export * from "./errors.js";
export { compile } from "./filling.js";
export type * from "./models.js";
