import { AutoForgeError, ConnectionFailed, findKind, InvalidAnswer } from "./errors.js";

export interface Options {
  /** Of the server, such as https://prompts.example.com; default AUTOFORGE_URL. */
  baseUrl?: string;
  /** An API key; default AUTOFORGE_API_KEY. In a browser everybody can read it. */
  key?: string;
  /** Milliseconds for one attempt, and how many there are at most. */
  timeout?: number;
  attempts?: number;
  /** Milliseconds that a prompt is used before it is refreshed in the background. */
  freshFor?: number;
  /** Of the server's sentences, such as `ja`. */
  language?: string;
  /** Another `fetch`. */
  fetch?: typeof fetch;
}

/** What a request sends. */
export interface Sent extends Pick<Options, "timeout" | "attempts"> {
  query?: Record<string, unknown>;
  /** Sent as JSON; strings and bytes as they are, with the Content-Type of `headers`. */
  body?: unknown;
  headers?: Record<string, string>;
}

const RETRIED = [0, 429, 502, 503, 504];
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
export const sleep = (wait: number) => new Promise((resolve) => setTimeout(resolve, wait));
/** A browser has none. */
const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };

/**
 * Sends requests, again where that may help and nothing can happen twice, and turns refusals into
 * errors. A POST has an Idempotency-Key: the server does once what is sent several times with it.
 */
export class Requests {
  // The engine keeps what begins with # from `console.log` and `JSON.stringify`: no log holds the key.
  readonly #options: Options;
  readonly #headers: Record<string, string>;
  readonly #root: string;

  constructor(options: Options) {
    const address = options.baseUrl ?? process?.env.AUTOFORGE_URL ?? "";
    const isAddress = /^https?:\/\/[^\s?#@]+$/.test(address);
    if (!isAddress) throw new TypeError("no address like https://prompts.example.com (or AUTOFORGE_URL)");
    this.#root = `${address.replace(/\/+$/, "").replace(/\/api\/v1$/, "")}/api/v1/`;
    const key = (options.key ?? process?.env.AUTOFORGE_API_KEY ?? "").trim();
    const isKey = /^[\x21-\x7e]+$/.test(key);
    if (!isKey) throw new TypeError("no API key, or with characters that none has (or AUTOFORGE_API_KEY)");
    const language = options.language ?? "en";
    this.#headers = { Accept: "application/json", Authorization: `Bearer ${key}`, "Accept-Language": language };
    this.#options = options;
  }

  async ask(method: string, path: string, sent: Sent = {}): Promise<Response> {
    const attempts = sent.attempts ?? this.#options.attempts ?? 3;
    const headers = { ...sent.headers };
    // Not of `randomUUID`, which pages without TLS do not have.
    if (method === "POST") headers["Idempotency-Key"] ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    const isRepeatable = method === "GET" || "Idempotency-Key" in headers;
    const url = new URL(this.#root + path);
    if (!url.href.startsWith(new URL(this.#root).href)) throw new TypeError(`no path of the API: ${path}`);
    for (const [name, value] of Object.entries(sent.query ?? {})) url.searchParams.set(name, String(value));
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#send(method, url, { ...sent, headers });
      } catch (error) {
        const wait = findWait(error as AutoForgeError, attempt, isRepeatable);
        if (wait > LONGEST_WAIT || attempt >= attempts) throw error;
        await sleep(wait);
      }
    }
  }

  async #send(method: string, url: URL, { body, timeout, ...sent }: Sent): Promise<Response> {
    const isJson = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
    const type: Record<string, string> = isJson ? { "Content-Type": "application/json" } : {};
    const headers = { ...this.#headers, ...type, ...sent.headers };
    const request: RequestInit = { method, headers, redirect: "manual", cache: "no-store" };
    if (body !== undefined) request.body = isJson ? JSON.stringify(body) : (body as BodyInit);
    const longest = this.#options.timeout ?? 10_000;
    request.signal = AbortSignal.timeout(Math.min(longest, timeout ?? longest));
    const response = await (this.#options.fetch ?? fetch)(url, request).then(readWhole).catch(explain);
    if (response.ok || response.status === 304) return response;
    throw await asError(response);
  }
}

/** What an answer holds, an object with this member; and its ETag, if it has one. */
export async function readJson<T>(response: Response, member: keyof T & string): Promise<T> {
  const value: unknown = await response.json().catch(() => undefined);
  const etag = response.headers.get("ETag");
  if (typeof value === "object" && value && member in value) return { ...value, ...(etag && { etag }) } as T;
  const detail = "The answer is not AutoForge's. Check the address.";
  throw new InvalidAnswer(detail, "client.unreadable", { status: response.status });
}

/** Half an answer is no answer: it is read to its end while it can still be asked for again. */
async function readWhole(response: Response): Promise<Response> {
  const content = await response.arrayBuffer();
  return new Response(content.byteLength ? content : null, response);
}

/** Milliseconds until it may be sent again. */
function findWait({ status, retryAfter }: AutoForgeError, attempt: number, isRepeatable: boolean): number {
  // 429: nothing was done yet, whatever the request is.
  if (!RETRIED.includes(status) || (!isRepeatable && status !== 429)) return Infinity;
  if (retryAfter !== undefined) return 1000 * retryAfter;
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  return longest / 2 + (Math.random() * longest) / 2;
}

function explain({ name, cause }: { name?: string; cause?: { code?: string } }): never {
  const isLate = name === "TimeoutError";
  const why = isLate ? "did not answer in time" : `cannot be reached (${cause?.code ?? name})`;
  throw new ConnectionFailed(`AutoForge ${why}.`, isLate ? "client.timeout" : "client.unreachable");
}

async function asError(response: Response): Promise<AutoForgeError> {
  const { status, headers } = response;
  const seconds = headers.get("Retry-After") ?? "";
  const retryAfter = /^\d{1,9}$/.test(seconds) ? Number(seconds) : undefined;
  if (headers.get("Content-Type")?.startsWith("application/problem+json")) {
    const problem = await readJson<AutoForgeError & { detail?: string }>(response, "code");
    const { code, detail = code, errors = [], extra = {} } = problem;
    return new (findKind(status))(detail, code, { status, retryAfter, errors, extra });
  }
  const detail = `The address answers with status ${status} and no sentence of AutoForge's.`;
  const Kind = status < 500 && status !== 429 ? InvalidAnswer : findKind(status);
  return new Kind(detail, "client.no-problem", { status, retryAfter });
}
