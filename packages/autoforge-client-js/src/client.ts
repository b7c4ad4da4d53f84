import {
  AutoForgeError,
  ConnectionFailed,
  type FieldError,
  findKind,
  InvalidAnswer,
  NotFound,
} from "./errors.js";
import type {
  Content,
  Diff,
  LabelItem,
  Prompt,
  PromptSummary,
  Rendered,
  VersionSummary,
} from "./models.js";

export interface Options {
  /** Of the server, such as https://prompts.example.com; default AUTOFORGE_URL. */
  baseUrl?: string;
  /** An API key; default AUTOFORGE_API_KEY. In a browser everybody can read it. */
  key?: string;
  /** Milliseconds for one attempt. */
  timeout?: number;
  /** How often a request is sent at most. */
  attempts?: number;
  /** Milliseconds that a prompt is used before it is refreshed in the background. */
  freshFor?: number;
  /** How many prompts are remembered. */
  mostPrompts?: number;
  /** Of the server's sentences, such as `ja`. */
  language?: string;
  /** Another `fetch`. */
  fetch?: typeof fetch;
}

export interface Which {
  /** `production` if neither is given. */
  label?: string;
  version?: number;
}

interface Request {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether it does the same if it is sent twice. */
  repeatable?: boolean;
}

interface Answer {
  status: number;
  type: string;
  etag: string;
  retryAfter: number | undefined;
  text: string;
}

/** What was read, until when it is fresh, and whether it may be used without asking. */
interface Entry {
  prompt: Prompt;
  refreshAt: number;
  mustAsk: boolean;
}

const RETRIED = new Set([429, 502, 503, 504]);
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const CLAIM = 60_000;
const RETRY_AFTER_FAILURE = 5_000;
/** AutoForge's API. */
export class AutoForge {
  readonly baseUrl: string;
  /** Kept from `console.log` and `JSON.stringify`. */
  readonly #headers: Record<string, string>;
  readonly #options: Required<Omit<Options, "baseUrl" | "key" | "language" | "fetch">>;
  readonly #fetch: typeof fetch;
  readonly #entries = new Map<string, Entry>();

  constructor(options: Options = {}) {
    this.baseUrl = checkAddress(options.baseUrl ?? fromEnvironment("AUTOFORGE_URL"));
    const key = checkKey(options.key ?? fromEnvironment("AUTOFORGE_API_KEY"));
    this.#headers = {
      Authorization: `Bearer ${key}`,
      Accept: "application/json",
      "Accept-Language": options.language ?? "en",
    };
    this.#options = {
      timeout: options.timeout ?? 10_000,
      attempts: options.attempts ?? 3,
      freshFor: options.freshFor ?? 60_000,
      mostPrompts: options.mostPrompts ?? 500,
    };
    this.#fetch = options.fetch ?? ((...sent) => fetch(...sent));
  }

  /**
   * A version of a prompt, of a label or a number. What was read before is returned at once and
   * refreshed in the background when it is no longer fresh; while the server is away the last
   * answer is used. `fallback` is returned where there is no answer at all.
   */
  async getPrompt(
    name: string,
    { fallback, ...which }: Which & { fallback?: Content | Prompt } = {},
  ): Promise<Prompt> {
    const query = which.version === undefined
      ? { label: which.label ?? "production" }
      : { version: which.version };
    const key = JSON.stringify([name, query]);
    const entry = this.#entries.get(key);
    if (entry && !entry.mustAsk) {
      if (entry.refreshAt <= Date.now()) {
        entry.refreshAt = Date.now() + CLAIM; // whoever comes meanwhile does not ask
        this.#refresh(key, name, query).catch(() => undefined);
      }
      return entry.prompt;
    }
    try {
      return await this.#refresh(key, name, query);
    } catch (error) {
      if (!(error instanceof AutoForgeError)) throw error;
      if (entry && !isGone(error)) return entry.prompt;
      if (fallback === undefined) throw error;
      if (typeof fallback !== "string" && !Array.isArray(fallback)) return fallback;
      const kind = typeof fallback === "string" ? "text" : "chat";
      return {
        name, kind, version: 0, syntax: "plain", content: fallback, variables: [], config: {}, labels: [],
        content_hash: "", includes: [], title: "", description: "", status: "", tags: [], newest_version: 0,
        change_note: "", author: "", created_at: "", etag: "", isFallback: true,
      };
    }
  }

  /** A prompt with values inserted by the server: every syntax, includes, histories. */
  render(name: string, variables: Record<string, unknown> = {}, which: Which = {}): Promise<Rendered> {
    const body = { variables, ...which };
    return this.#json({ method: "POST", path: pathOf(name, "render"), body, repeatable: true });
  }

  /** All prompts by name, page by page; filters are search, status, tag, label and folder. */
  async *listPrompts(filters: Record<string, string | number> = {}): AsyncGenerator<PromptSummary> {
    yield* this.#pages<PromptSummary>("prompts", filters);
  }

  /** All versions of a prompt, the newest first. */
  async versions(name: string): Promise<VersionSummary[]> {
    const versions: VersionSummary[] = [];
    for await (const item of this.#pages<VersionSummary>(pathOf(name, "versions"), { limit: 100 })) {
      versions.push(item);
    }
    return versions;
  }

  /** What changed between two versions. */
  diff(name: string, before: number, after: number, context = 3): Promise<Diff> {
    return this.#json(reading(pathOf(name, "diff"), { before, after, context }));
  }

  /** Create a prompt with its version 1. */
  createPrompt(name: string, content: Content, fields: Record<string, unknown> = {}): Promise<Prompt> {
    return this.#write(name, creating("prompts", { name, content, ...fields }));
  }

  /** Save the next version of a prompt; a wording that it has already makes none. */
  createVersion(name: string, fields: Record<string, unknown>): Promise<Prompt> {
    return this.#write(name, creating(pathOf(name, "versions"), fields));
  }

  /** Change a prompt that is as it was read: `ifMatch` is the `etag` of its label `latest`. */
  editPrompt(name: string, ifMatch: string, fields: Record<string, unknown>): Promise<Prompt> {
    const headers = { "If-Match": ifMatch };
    return this.#write(name, { method: "PATCH", path: pathOf(name), body: fields, headers });
  }

  /** Let a label stand at a version; a gate that refuses says why in the error's `extra`. */
  moveLabel(
    name: string,
    label: string,
    version: number,
    more: { reason?: string; override?: boolean } = {},
  ): Promise<LabelItem> {
    const path = pathOf(name, "labels", label);
    return this.#change(name, { method: "PUT", path, body: { version, ...more } });
  }

  /** Take a label off a prompt. */
  async removeLabel(name: string, label: string, reason = ""): Promise<void> {
    const path = pathOf(name, "labels", label);
    await this.#change(name, { method: "DELETE", path, query: reason ? { reason } : {} });
  }

  /** Let a label stand where it stood before. */
  rollBackLabel(name: string, label: string, reason = ""): Promise<LabelItem> {
    return this.#change(name, creating(pathOf(name, "labels", label, "roll-back"), { reason }));
  }

  /** Who the key is. */
  me(): Promise<{ name: string; role: string }> {
    return this.#json(reading("me"));
  }

  async *#pages<T>(path: string, query: Record<string, string | number>): AsyncGenerator<T> {
    let cursor: string | null = "";
    do {
      const page: { items: T[]; next_cursor: string | null } = await this.#json(
        reading(path, cursor ? { ...query, cursor } : query),
      );
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor);
  }

  async #refresh(key: string, name: string, query: Record<string, unknown>): Promise<Prompt> {
    const known = this.#entries.get(key)?.prompt;
    try {
      const request = reading(pathOf(name), query);
      if (known) request.headers = { "If-None-Match": known.etag };
      const answer = await this.#ask(request);
      const prompt = answer.status === 304 && known ? known : readPrompt(answer);
      this.#put(key, { prompt, refreshAt: Date.now() + this.#options.freshFor, mustAsk: false });
      return prompt;
    } catch (error) {
      if (error instanceof AutoForgeError && isGone(error)) this.#entries.delete(key);
      else if (known) {
        const wait = Math.max(RETRY_AFTER_FAILURE, 1000 * ((error as AutoForgeError).retryAfter ?? 0));
        this.#put(key, { prompt: known, refreshAt: Date.now() + wait, mustAsk: false });
      }
      throw error;
    }
  }

  #put(key: string, entry: Entry): void {
    this.#entries.delete(key); // the newest stands last
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.mostPrompts) return;
      this.#entries.delete(oldest);
    }
  }

  async #write(name: string, request: Request): Promise<Prompt> {
    return readPrompt(await this.#expiring(name, request));
  }

  async #change<T>(name: string, request: Request): Promise<T> {
    const answer = await this.#expiring(name, request);
    return answer.status === 204 ? (undefined as T) : readJson(answer);
  }

  async #expiring(name: string, request: Request): Promise<Answer> {
    try {
      return await this.#ask(request);
    } finally {
      // Also after a failure: it may have been done.
      for (const entry of this.#entries.values()) {
        if (entry.prompt.name === name) entry.mustAsk = true;
      }
    }
  }

  async #json<T>(request: Request): Promise<T> {
    return readJson(await this.#ask(request));
  }

  /** Send a request, several times if that is safe and may help. */
  async #ask(request: Request): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#send(request).catch((error: unknown) => explain(error));
      const wait = findWait(request, outcome, attempt);
      if (wait === undefined || attempt >= this.#options.attempts) {
        if (outcome instanceof AutoForgeError) throw outcome;
        if (outcome.status < 300 || outcome.status === 304) return outcome;
        throw asError(outcome);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async #send(request: Request): Promise<Answer> {
    const url = new URL(`${this.baseUrl}/api/v1/${request.path}`);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { ...this.#headers, ...request.headers };
    const sent: RequestInit = { method: request.method, headers, redirect: "manual", cache: "no-store" };
    if (request.body !== undefined) {
      headers["Content-Type"] = "application/json";
      sent.body = JSON.stringify(request.body);
    }
    const response = await this.#fetch(url, {
      ...sent,
      signal: AbortSignal.timeout(this.#options.timeout),
    });
    const seconds = response.headers.get("Retry-After") ?? "";
    return {
      status: response.status,
      type: (response.headers.get("Content-Type") ?? "").split(";")[0] ?? "",
      etag: response.headers.get("ETag") ?? "",
      retryAfter: /^\d{1,9}$/.test(seconds) ? Number(seconds) : undefined,
      text: await response.text(),
    };
  }
}

function reading(path: string, query: Record<string, unknown> = {}): Request {
  return { method: "GET", path, query, repeatable: true };
}

function creating(path: string, body: unknown): Request {
  // Not of `crypto`: Node 18 and pages without TLS have none. It is unique, and no secret.
  const digits = () => Math.random().toString(36).slice(2);
  const headers = { "Idempotency-Key": `${digits()}-${digits()}-${Date.now().toString(36)}` };
  return { method: "POST", path, body, headers, repeatable: true };
}

function pathOf(name: string, ...rest: string[]): string {
  const parts = name.split("/");
  if ([...parts, ...rest].some((part) => ["", ".", "..", "-"].includes(part))) {
    throw new TypeError(`no name of a prompt or a label: ${JSON.stringify([name, ...rest])}`);
  }
  const path = `prompts/${parts.map(encodeURIComponent).join("/")}`;
  return rest.length ? `${path}/-/${rest.map(encodeURIComponent).join("/")}` : path;
}

function findWait(request: Request, outcome: Answer | AutoForgeError, attempt: number) {
  if (outcome instanceof AutoForgeError) {
    if (!request.repeatable) return undefined;
  } else {
    // 429: nothing was done yet, whatever the request is.
    const isSafe = request.repeatable || outcome.status === 429;
    if (!RETRIED.has(outcome.status) || !isSafe) return undefined;
    if (outcome.retryAfter !== undefined) {
      const asked = outcome.retryAfter * 1000;
      return asked <= LONGEST_WAIT ? asked : undefined;
    }
  }
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  return longest / 2 + (Math.random() * longest) / 2;
}

function explain(error: unknown): ConnectionFailed {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  if (name === "TimeoutError") {
    return new ConnectionFailed("AutoForge did not answer in time.", "client.timeout");
  }
  const why = cause?.code ?? name ?? "unknown";
  return new ConnectionFailed(`AutoForge cannot be reached (${why}).`, "client.unreachable");
}

function asError(answer: Answer): AutoForgeError {
  const { status, retryAfter } = answer;
  if (answer.type !== "application/problem+json") {
    const detail = `The address answers with status ${status} and no sentence of AutoForge's.`;
    const Kind = status < 500 && status !== 429 ? InvalidAnswer : findKind(status);
    return new Kind(detail, "client.no-problem", { status, retryAfter });
  }
  const problem = readJson<Record<string, unknown>>(answer);
  if (typeof problem.code !== "string" || typeof problem.detail !== "string") {
    return unreadable(status);
  }
  return new (findKind(status))(problem.detail, problem.code, {
    status,
    retryAfter,
    errors: (problem.errors ?? []) as FieldError[],
    extra: (problem.extra ?? {}) as Record<string, unknown>,
  });
}

function readPrompt(answer: Answer): Prompt {
  const prompt = readJson<Prompt>(answer);
  const isContent = typeof prompt.content === "string" || Array.isArray(prompt.content);
  if (typeof prompt.name !== "string" || !isContent || !Array.isArray(prompt.variables)) {
    throw unreadable(answer.status);
  }
  return { ...prompt, etag: answer.etag, isFallback: false };
}

function readJson<T>(answer: Answer): T {
  let value: unknown;
  try {
    value = JSON.parse(answer.text);
  } catch {
    throw unreadable(answer.status);
  }
  if (typeof value !== "object" || value === null) throw unreadable(answer.status);
  return value as T;
}

function unreadable(status: number): InvalidAnswer {
  const detail = "The answer is not AutoForge's. Check the address.";
  return new InvalidAnswer(detail, "client.unreadable", { status });
}

/** A 404 of an address that does not exist says nothing about a prompt. */
function isGone(error: AutoForgeError): boolean {
  return error instanceof NotFound && error.code !== "api.no-operation";
}

function fromEnvironment(name: string): string {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] ?? "";
}

function checkAddress(text: string): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // said below
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new TypeError("the address must begin with http:// or https:// (or set AUTOFORGE_URL)");
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new TypeError("the address must hold no user, password, query or fragment");
  }
  return text.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
}

function checkKey(text: string): string {
  const key = text.trim();
  if (!key) throw new TypeError("an API key is needed: pass key or set AUTOFORGE_API_KEY");
  if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError("the API key holds characters that no key has");
  return key;
}
