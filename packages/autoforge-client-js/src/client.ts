import { PromptCache } from "./cache.js";
import { AutoForgeError, ConnectionFailed, LimitReached, RunNotEnded, Unavailable } from "./errors.js";
import { type Options, readJson, Requests, type Sent, sleep } from "./requests.js";
import type * as types from "./types.js";

const POLL = 1_000;
/** Who waits for a run waits for a server that is away as well. */
const PASSING = [ConnectionFailed, Unavailable, LimitReached];

/** AutoForge's API. */
export class AutoForge {
  readonly #requests: Requests;
  readonly #cache: PromptCache;

  constructor(options: Options = {}) {
    this.#requests = new Requests(options);
    this.#cache = new PromptCache(options.freshFor ?? 60_000);
  }

  /**
   * Any operation of `/api/openapi.json`, by its path below `/api/v1/`: sent again where that is
   * safe, refusals thrown as errors. What returns is a `Response`, read with `json()` or `text()`.
   */
  async request(method: string, path: string, sent: Sent = {}): Promise<Response> {
    try {
      return await this.#requests.ask(method, path, sent);
    } finally {
      // Also after a failure: it may have been done. Renders and runs change no prompt.
      if (method !== "GET" && !/^runs\b|\/-\/render$/.test(path)) this.#cache.expire();
    }
  }

  /** All items of a list, page by page, such as `list("suites", { search: "mail" })`. */
  async *list<T>(path: string, query: Record<string, unknown> = {}): AsyncGenerator<T> {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const sent = { query: cursor ? { ...query, cursor } : query };
      const page = await this.#json<{ items: T[]; next_cursor?: string }>("GET", path, "items", sent);
      yield* page.items;
      cursor = page.next_cursor ?? null;
    }
  }

  /**
   * A version of a prompt. What was read before is returned at once, and refreshed in the background
   * once it is old; while the server is away the last answer is used, without one the `fallback`.
   */
  async getPrompt(name: string, which: types.Which & { fallback?: types.Content } = {}): Promise<types.Prompt> {
    const { fallback, version, label = "production" } = which;
    const query = version === undefined ? { label } : { version };
    const ask = (known?: types.Prompt) => this.#read(pathOf(name), "content", known, { query });
    try {
      return await this.#cache.get(JSON.stringify([name, query]), ask);
    } catch (error) {
      if (fallback === undefined || !(error instanceof AutoForgeError)) throw error;
      const kind = typeof fallback === "string" ? "text" : "chat";
      const empty = { version: 0, variables: [], includes: [], config: {}, tags: [], labels: [], etag: "" };
      return { ...empty, name, kind, syntax: "plain", content: fallback, content_hash: "", isFallback: true };
    }
  }

  /** A prompt with values inserted by the server: every syntax, includes, histories. */
  render(name: string, variables: Record<string, unknown> = {}, which: types.Which = {}) {
    const body = { variables, ...which };
    return this.#json<types.Rendered>("POST", pathOf(name, "render"), "messages", { body });
  }

  /** All prompts by name; filters are search, status, tag, label and folder. */
  listPrompts(filters: Record<string, string | number> = {}) {
    return this.list<types.PromptSummary>("prompts", filters);
  }

  /** All versions of a prompt, the newest first. */
  listVersions(name: string) {
    return this.list<types.VersionSummary>(pathOf(name, "versions"));
  }

  /** What changed between two versions. */
  diff(name: string, before: number, after: number, context = 3) {
    const sent = { query: { before, after, context } };
    return this.#json<types.Diff>("GET", pathOf(name, "diff"), "changed", sent);
  }

  /** Create a prompt with its version 1. */
  createPrompt(name: string, content: types.Content, fields: Record<string, unknown> = {}) {
    const body = { name, content, ...fields };
    return this.#json<types.Prompt>("POST", "prompts", "content", { body });
  }

  /** Change a prompt that is as it was read: `ifMatch` is the `etag` of its label `latest`. */
  editPrompt(name: string, ifMatch: string, fields: Record<string, unknown>) {
    const sent = { body: fields, headers: { "If-Match": ifMatch } };
    return this.#json<types.Prompt>("PATCH", pathOf(name), "content", sent);
  }

  /** Where the labels of a prompt stand. */
  listLabels(name: string) {
    return this.list<types.LabelItem>(pathOf(name, "labels"));
  }

  /** Let a label stand at a version; a gate that refuses says why in the error's `extra`. */
  moveLabel(name: string, label: string, version: number, reason = "", override = false) {
    const body = { version, reason, override };
    return this.#json<types.LabelItem>("PUT", pathOf(name, "labels", label), "version", { body });
  }

  /** Let a label stand where it stood before. */
  rollBackLabel(name: string, label: string, reason = "") {
    const path = pathOf(name, "labels", label, "roll-back");
    return this.#json<types.LabelItem>("POST", path, "version", { body: { reason } });
  }

  /** Who the key is. */
  me() {
    return this.#json<{ name: string; role: string; permissions: string[] }>("GET", "me", "role");
  }

  /** What a run would take; nothing is saved. */
  estimateRun(choice: types.RunChoice) {
    return this.#json<types.RunEstimate>("POST", "runs/estimate", "estimate", { body: choice });
  }

  /** Start a run in the background; the same key twice starts one run. */
  startRun(choice: types.RunChoice, idempotencyKey?: string) {
    const headers: Record<string, string> = idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {};
    return this.#json<types.Run>("POST", "runs", "progress", { body: choice, headers });
  }

  /** A run; with one that was read before, it is only asked whether that has changed. */
  getRun(id: string, known?: types.Run): Promise<types.Run> {
    return this.#read(`runs/${id}`, "progress", known);
  }

  /** Wait until a run has ended, also while the server restarts; `onProgress` is told what changes. */
  async waitForRun(id: string, { timeoutMs = Infinity, onProgress }: types.Waiting = {}): Promise<types.Run> {
    const deadline = Date.now() + timeoutMs;
    let run: types.Run | undefined;
    for (let left = timeoutMs; ; left = deadline - Date.now()) {
      const limits = { attempts: 1, timeout: Math.max(left, POLL) };
      let pause = POLL;
      try {
        const read: types.Run = await this.#read(`runs/${id}`, "progress", run, limits);
        if (read !== run) onProgress?.(read);
        run = read;
        if (!run.progress.active) return run;
      } catch (error) {
        if (!PASSING.some((Kind) => error instanceof Kind)) throw error;
        pause = Math.max(POLL, 1000 * ((error as AutoForgeError).retryAfter ?? 0));
      }
      if (left <= 0) throw new RunNotEnded(`Not ended after ${timeoutMs} ms.`, "client.run-not-ended");
      await sleep(Math.min(left, pause));
    }
  }

  /** Let a run stop; what is stored stays, and so does a run that has ended. */
  cancelRun(id: string) {
    return this.#json<types.Run>("POST", `runs/${id}/cancel`, "progress");
  }

  /** The answers of a run in the order of its cases; filters are state, column_id and search. */
  listResults(id: string, filters: Record<string, string | number> = {}) {
    return this.list<types.ResultItem>(`runs/${id}/results`, filters);
  }

  async #read<T extends { etag?: string }>(path: string, member: keyof T & string, known?: T, sent: Sent = {}) {
    const headers: Record<string, string> = known?.etag ? { "If-None-Match": known.etag } : {};
    const response = await this.request("GET", path, { ...sent, headers });
    return known && response.status === 304 ? known : readJson<T>(response, member);
  }

  async #json<T>(method: string, path: string, member: keyof T & string, sent: Sent = {}): Promise<T> {
    return readJson(await this.request(method, path, sent), member);
  }
}

function pathOf(name: string, ...rest: string[]): string {
  const parts = name.split("/");
  const isWrong = [...parts, ...rest].some((part) => ["", ".", "..", "-"].includes(part));
  if (isWrong) throw new TypeError(`no name of a prompt or a label: ${[name, ...rest].join(" ")}`);
  const path = rest.length ? ["prompts", ...parts, "-", ...rest] : ["prompts", ...parts];
  return path.map(encodeURIComponent).join("/");
}
