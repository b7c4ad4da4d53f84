export type Message = Record<string, unknown>;
/** The text; or the messages of a chat. */
export type Content = string | Message[];

/** A version of a prompt. */
export interface Prompt {
  name: string;
  /** From 1; 0 for a fallback. */
  version: number;
  kind: "text" | "chat";
  syntax: "plain" | "mustache" | "jinja";
  content: Content;
  /** The contract: name, type, required, default, description and example of each. */
  variables: Record<string, unknown>[];
  /** Model, parameters, tools and response schema that the text is meant for. */
  config: Record<string, unknown>;
  /** Labels that stand at this version; the newest one also has `latest`. */
  labels: string[];
  content_hash: string;
  includes: Record<string, unknown>[];
  title: string;
  description: string;
  status: string;
  tags: string[];
  newest_version: number;
  change_note: string;
  author: string;
  created_at: string;
  /** For `editPrompt`, with the label `latest`. */
  etag: string;
  /** Whether this is the `fallback` of `getPrompt` and not the server's. */
  isFallback: boolean;
}

/** A prompt with the values inserted by the server. */
export interface Rendered {
  name: string;
  version: number;
  content_hash: string;
  kind: "text" | "chat";
  /** Empty for a chat. */
  text: string;
  /** For a text, a single one of the user. */
  messages: Message[];
  config: Record<string, unknown>;
}

/** A prompt in a list. */
export interface PromptSummary {
  name: string;
  title: string;
  description: string;
  kind: "text" | "chat";
  syntax: string;
  status: string;
  tags: string[];
  /** Label → number of the version it stands at. */
  labels: Record<string, number>;
  newest_version: number;
  created_at: string;
  updated_at: string;
}

/** A version in a list. */
export interface VersionSummary {
  version: number;
  content_hash: string;
  kind: "text" | "chat";
  syntax: string;
  labels: string[];
  author: string;
  change_note: string;
  created_at: string;
}

/** Where a label stands. */
export interface LabelItem {
  label: string;
  version: number;
  updated_at: string | null;
}

/** What changed between two versions. */
export interface Diff {
  name: string;
  before: number;
  after: number;
  /** Which of content, kind, syntax, variables, config and includes differ. */
  changed: string[];
  content: Record<string, unknown>[];
  variables: Record<string, unknown>[];
  config: Record<string, unknown>[];
}
