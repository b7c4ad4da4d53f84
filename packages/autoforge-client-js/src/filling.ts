import { CompileError } from "./errors.js";
import type { Content, Prompt } from "./types.js";

const TAG = /(\\{0,2})\{\{(?:([^{}]*)\}\})?/g;
/** The types that are filled in here, and what an optional one without value is. */
const EMPTY: Record<string, unknown> = { text: "", number: 0, boolean: false };

/**
 * Fill in values without asking the server: only what comes out exactly as the server's own. That
 * is plain texts, and Mustache's `{{ names }}` with strings, whole numbers, booleans and null.
 */
export function compile(prompt: Prompt, values: Record<string, unknown> = {}): Content {
  const { content, syntax, variables, includes } = prompt;
  if (includes.length) throw needsServer("it includes other prompts");
  if (syntax === "jinja") throw needsServer("its syntax is jinja");
  const names = variables.map((variable) => String(variable.name));
  const unknown = Object.keys(values).filter((name) => !names.includes(name));
  if (unknown.length) throw new CompileError(`Unknown variables: ${unknown.join(", ")}.`, "client.unknown");
  const texts = new Map(variables.map((variable, index) => [names[index], asText(variable, values)]));
  if (typeof content === "string") return insert(syntax, content, texts);
  return content.map((message) => {
    if ("role" in message && typeof message.content === "string") {
      return { role: message.role, content: insert(syntax, message.content, texts) };
    }
    throw needsServer("it has placeholders or messages of several parts");
  });
}

function asText(variable: Record<string, unknown>, values: Record<string, unknown>): string {
  const name = String(variable.name);
  const kind = String(variable.type ?? "text");
  if (!Object.hasOwn(EMPTY, kind)) throw needsServer(`the variable ${name} is a ${kind}`);
  const given = Object.hasOwn(values, name) ? values[name] : undefined;
  const fallback = variable.default ?? undefined;
  const isMissing = (given ?? undefined) === undefined && (variable.required ?? fallback === undefined);
  if (isMissing) throw new CompileError(`The variable ${name} has no value.`, "client.missing");
  const value = given ?? fallback ?? EMPTY[kind];
  const isRight = typeof value === typeof EMPTY[kind];
  if (!isRight) throw new CompileError(`The variable ${name} must be a ${kind}.`, "client.wrong-type");
  const isExact = kind !== "number" || Number.isSafeInteger(value);
  if (!isExact) throw needsServer(`the variable ${name} has a fraction or is very large`);
  return Object.is(value, -0) ? "0" : String(value);
}

function insert(syntax: string, text: string, texts: Map<string | undefined, string>): string {
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
