/** One thing that is wrong with what was sent; `field` is such as `config.temperature`. */
export type FieldError = { detail: string; field?: string; code?: string; line?: number; column?: number };
type Parts = Partial<Pick<AutoForgeError, "status" | "errors" | "extra" | "retryAfter">>;

/** What every error of this package is; no message holds a key. */
export class AutoForgeError extends Error {
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number = 0;
  readonly errors: FieldError[] = [];
  /** What else the server said, such as the verdicts of a gate. */
  readonly extra: Record<string, unknown> = {};
  /** Seconds that the server asks to wait. */
  readonly retryAfter: number | undefined;

  /** @param code for programs, such as `prompt.missing-name`; it never changes. */
  constructor(detail: string, readonly code: string, parts: Parts = {}) {
    super(detail);
    this.name = new.target.name;
    Object.assign(this, parts);
  }
}

/** Nobody answered, or not in time. */
export class ConnectionFailed extends AutoForgeError {}
/** Who answered was no AutoForge: a proxy's page, half an answer. */
export class InvalidAnswer extends AutoForgeError {}
/** A prompt cannot be filled here; `render` fills it on the server. */
export class CompileError extends AutoForgeError {}
/** A run has not ended within the time of `waitForRun`; it goes on. */
export class RunNotEnded extends AutoForgeError {}
/** The server refused the request. */
export class ProblemError extends AutoForgeError {}
/** 400, 422 and others: what was sent is wrong. */
export class InvalidRequest extends ProblemError {}
/** 401: the key is missing, wrong, expired or revoked. */
export class AuthenticationError extends ProblemError {}
/** 403: the key's role may not do this. */
export class Forbidden extends ProblemError {}
/** 404: there is no such prompt, version, label or run. */
export class NotFound extends ProblemError {}
/** 409, 412, 428: something else was done meanwhile, or a gate refuses. */
export class Conflict extends ProblemError {}
/** 429: the key sent more requests than it may. */
export class LimitReached extends ProblemError {}
/** 5xx: the server has a bad day. */
export class Unavailable extends ProblemError {}

const KINDS: Record<number, typeof ProblemError> = {
  401: AuthenticationError, 403: Forbidden, 404: NotFound,
  409: Conflict, 412: Conflict, 428: Conflict, 429: LimitReached,
};

export const findKind = (status: number) => (status >= 500 ? Unavailable : (KINDS[status] ?? InvalidRequest));
