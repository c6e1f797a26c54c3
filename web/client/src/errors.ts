/** What can go wrong, as codes that a program can go by. */
import type { components } from "./schema.js";

/** What the functions answer, and what only a client can meet. */
export type ErrorCode =
  | components["schemas"]["ErrorCode"]
  /** Nothing came back: no connection, or one that was cut. */
  | "network"
  /** API Gateway answered by itself, and there is no better code for its status. */
  | "gateway"
  /** S3 refused the bytes, and repeating did not help. */
  | "upload_refused"
  /** The file on the disk is not what it was when the upload began. */
  | "file_changed";

/** What else is known of a failure. */
export interface ErrorDetails {
  /** Finds the cause in the server's log. */
  requestId?: string;
  /** How long the server asks to wait. */
  retryAfterMs?: number;
  /** Where the status alone does not tell. */
  retryable?: boolean;
  cause?: unknown;
}

/** Every failure of this package but an abort, which rejects with the signal's own reason. */
export class SlipwayError extends Error {
  override readonly name = "SlipwayError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** The HTTP status; 0 without one. */
    readonly status = 0,
    readonly details: ErrorDetails = {},
  ) {
    super(message, { cause: details.cause });
  }

  /** Whether the same request may fare better in a while. */
  get retryable(): boolean {
    const passing = this.code === "network" || this.status === 429 || this.status >= 500;
    return this.details.retryable ?? passing;
  }
}

const BY_STATUS: Record<number, ErrorCode> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  503: "unavailable",
  504: "timeout",
};

/** Reads a failed answer: `{code, error}` from a function, `{message}` from API Gateway, or neither. */
export async function errorOf(response: Response): Promise<SlipwayError> {
  const body = await response.json().catch(() => ({}));
  const { code, error, message, requestId } = (body ?? {}) as Record<string, string | undefined>;
  const fitting = (code as ErrorCode) ?? BY_STATUS[response.status] ?? "gateway";
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new SlipwayError(fitting, error ?? message ?? `The server answered ${response.status}.`, response.status, {
    requestId,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
  });
}
