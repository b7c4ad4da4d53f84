type Fields = Record<string, unknown>;
type Texts = "title" | "description" | "status" | "change_note" | "author" | "created_at";
/** The text; or the messages of a chat. */
export type Content = string | Fields[];

/** `production` if neither is given. */
export type Which = { label?: string; version?: number };

/** A version of a prompt; a fallback has no title and the like. */
export interface Prompt extends Partial<Record<Texts, string>> {
  name: string;
  /** From 1; 0 for a fallback. */
  version: number;
  newest_version?: number;
  kind: "text" | "chat";
  syntax: "plain" | "mustache" | "jinja";
  content: Content;
  /** The contract: name, type, required, default, description and example of each. */
  variables: Fields[];
  /** Model, parameters, tools and response schema that the text is meant for. */
  config: Fields;
  includes: Fields[];
  content_hash: string;
  tags: string[];
  /** Labels that stand at this version; the newest one also has `latest`. */
  labels: string[];
  /** For `editPrompt`, with the label `latest`. */
  etag: string;
  /** Whether this is the `fallback` of `getPrompt`. */
  isFallback?: boolean;
}

/** A prompt with the values inserted by the server: the text of a chat is empty. */
export interface Rendered extends Pick<Prompt, "name" | "version" | "content_hash" | "kind" | "config"> {
  text: string;
  messages: Fields[];
}

type InLists = "kind" | "syntax" | "created_at";
type OfVersion = "version" | "content_hash" | "labels" | "author" | "change_note";

/** A prompt in a list; `labels` says at which version each stands. */
export interface PromptSummary
  extends Required<Pick<Prompt, InLists | "name" | "title" | "description" | "status" | "tags">> {
  newest_version: number;
  labels: Record<string, number>;
  updated_at: string;
}

/** A version in a list. */
export type VersionSummary = Required<Pick<Prompt, InLists | OfVersion>>;

/** Where a label stands. */
export type LabelItem = { label: string; version: number; updated_at: string | null };

/** What differs between two versions: the names of the parts, and their lines. */
export type Diff = { changed: string[]; content: Fields[]; variables: Fields[]; config: Fields[] };

type Named = Partial<Record<"name" | "judge" | "embeddings" | "baseline_id", string>>;
type Limits = Partial<Record<"repeats" | "max_cost_usd" | "max_calls" | "max_seconds", number>>;

/** A run to be: every prompt is asked of every model, with every enabled case of the suite. */
export interface RunChoice extends Named, Limits {
  suite_id: string;
  /** Each `name`, `name@label` or `name:version`; the first is what the others are compared with. */
  prompts: string[];
  /** Each a model profile's name, or a model such as `echo` or `openai:gpt-4.1-mini`. */
  models: string[];
  use_cache?: boolean;
}

/** What a run would take; `cost_usd` is null where a price is not known. */
export interface RunEstimate {
  cases: number;
  columns: string[];
  estimate: { calls: number; input_tokens: number; output_tokens: number; cost_usd: number | null };
  misfits: { code: string; detail: string }[];
}

/** A run; each column is a version of a prompt asked of a model. */
export interface Run {
  id: string;
  name: string;
  status: "pending" | "running" | "completed" | "stopped" | "cancelled" | "failed";
  message: string;
  columns: { id: string; label: string; score: number | null; summary: Fields }[];
  /** `active`: more is to come; `cost` in US dollars. */
  progress: { active: boolean } & Record<"planned" | "done" | "passed" | "failed" | "errors" | "cost", number>;
  etag?: string;
}

export type Waiting = { timeoutMs?: number; onProgress?: (run: Run) => void };

/** An answer of a run in a list; of `output` the first 2,000 characters. */
export interface ResultItem extends Record<"id" | "case" | "column" | "output" | "error", string> {
  repeat: number;
  state: "pass" | "fail" | "error" | "unchecked";
  score: number | null;
  cost_usd: number | null;
}
