import { CompileError } from "./errors.js";
import type { Content, Prompt } from "./models.js";

const TAG = /(\\{0,2})\{\{(?:([^{}]*)\}\})?/g;
const SIMPLE: Record<string, string> = { text: "string", number: "number", boolean: "boolean" };
const EMPTY: Record<string, unknown> = { text: "", number: 0, boolean: false };

/**
 * Fill in values without asking the server: only what comes out exactly as the server's own. That
 * is plain texts, and Mustache's `{{ names }}` with strings, whole numbers, booleans and null.
 */
export function compile(prompt: Prompt, values: Record<string, unknown> = {}): Content {
  if (prompt.includes.length) throw needsServer("it includes other prompts");
  if (prompt.syntax === "jinja") throw needsServer("its syntax is jinja");
  const texts = take(prompt.variables, values);
  if (typeof prompt.content === "string") return insert(prompt.syntax, prompt.content, texts);
  return prompt.content.map((message) => {
    if (!("role" in message) || typeof message.content !== "string") {
      throw needsServer("it has placeholders or messages of several parts");
    }
    return { role: message.role, content: insert(prompt.syntax, message.content, texts) };
  });
}

function take(variables: Prompt["variables"], values: Record<string, unknown>) {
  const texts = new Map<string, string>();
  const names = new Set(variables.map((variable) => variable.name));
  const unknown = Object.keys(values).filter((name) => !names.has(name));
  if (unknown.length) {
    throw new CompileError(`Unknown variables: ${unknown.join(", ")}.`, "client.unknown");
  }
  for (const variable of variables) {
    const name = String(variable.name);
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    texts.set(name, asText(name, variable, value));
  }
  return texts;
}

function asText(name: string, variable: Record<string, unknown>, given: unknown): string {
  const kind = String(variable.type ?? "text");
  if (!Object.hasOwn(SIMPLE, kind)) throw needsServer(`the variable ${name} is a ${kind}`);
  let value = given ?? null;
  if (value === null) {
    const fallback = variable.default ?? null;
    if (variable.required ?? fallback === null) {
      throw new CompileError(`The variable ${name} has no value.`, "client.missing");
    }
    value = fallback ?? EMPTY[kind];
  }
  if (typeof value !== SIMPLE[kind]) {
    throw new CompileError(`The variable ${name} must be a ${kind}.`, "client.wrong-type");
  }
  if (kind === "number" && !Number.isSafeInteger(value)) {
    throw needsServer(`the variable ${name} has a fraction or is very large`);
  }
  return Object.is(value, -0) ? "0" : String(value);
}

function insert(syntax: string, text: string, texts: Map<string, string>): string {
  if (syntax === "plain") return text;
  return text.replace(TAG, (tag: string, slashes: string, inner?: string) => {
    // As in Handlebars: \{{ is two braces, \\{{ a backslash before a variable.
    if (slashes === "\\") return tag.slice(1);
    const value = texts.get((inner ?? "").trim());
    if (value === undefined) throw needsServer(`it holds ${tag}`);
    return slashes.slice(1) + value;
  });
}

function needsServer(why: string): CompileError {
  return new CompileError(`Use render(): ${why}.`, "client.needs-render");
}
