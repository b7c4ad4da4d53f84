import { AutoForgeError, NotFound } from "./errors.js";
import type { Prompt } from "./types.js";

/** `mustAsk`: it may only be used if the server is away. */
type Entry = { prompt: Prompt; refreshAt: number; mustAsk: boolean };
type Ask = (known?: Prompt) => Promise<Prompt>;

const RETRY_AFTER_FAILURE = 5_000;
const MOST_PROMPTS = 500;

/** Prompts that were read: used at once, refreshed in the background, kept while the server is away. */
export class PromptCache {
  readonly #entries = new Map<string, Entry>();
  /** What is being read: whoever wants it meanwhile waits for the same answer. */
  #reads = new Map<string, Promise<Prompt>>();

  constructor(private readonly freshFor: number) {}

  /** @param ask reads a prompt from the server; it is given what was read before. */
  async get(key: string, ask: Ask): Promise<Prompt> {
    const entry = this.#entries.get(key);
    if (entry && !entry.mustAsk && Date.now() < entry.refreshAt) return entry.prompt;
    const reading = this.#reads.get(key) ?? this.#refresh(key, ask);
    this.#reads.set(key, reading);
    const lastResort = (error: unknown) => {
      if (!entry || !(error instanceof AutoForgeError) || isGone(error)) throw error;
      return entry.prompt;
    };
    if (!entry || entry.mustAsk) return reading.catch(lastResort);
    reading.catch(() => undefined); // in the background
    return entry.prompt;
  }

  /** Something was written: what was read before, or is being read, may be another now. */
  expire(): void {
    for (const entry of this.#entries.values()) entry.mustAsk = true;
    this.#reads = new Map();
  }

  async #refresh(key: string, ask: Ask): Promise<Prompt> {
    const reads = this.#reads;
    const known = this.#entries.get(key)?.prompt;
    try {
      const prompt = await ask(known);
      if (reads === this.#reads) this.#put(key, prompt, this.freshFor);
      return prompt;
    } catch (error) {
      const { retryAfter = 0 } = error as AutoForgeError;
      if (isGone(error)) this.#entries.delete(key);
      else if (known) this.#put(key, known, Math.max(RETRY_AFTER_FAILURE, 1000 * retryAfter));
      throw error;
    } finally {
      reads.delete(key);
    }
  }

  #put(key: string, prompt: Prompt, freshFor: number): void {
    this.#entries.delete(key); // the newest stands last
    this.#entries.set(key, { prompt, refreshAt: Date.now() + freshFor, mustAsk: false });
    const [oldest = key] = this.#entries.keys();
    if (this.#entries.size > MOST_PROMPTS) this.#entries.delete(oldest);
  }
}

/** A 404 of an address that does not exist says nothing about a prompt. */
function isGone(error: unknown): boolean {
  return error instanceof NotFound && error.code !== "api.no-operation";
}
