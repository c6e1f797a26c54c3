/** Errors with codes that a program can act on. */
import type { components } from "./schema.js";

/** The codes of the API, and those that only a client can find. */
export type ErrorCode =
  | components["schemas"]["ErrorCode"]
  /** No answer: there is no connection, it was cut, or the server did not answer in time. */
  | "network"
  /** The server is reachable, but its CORS rule does not allow the page's origin. */
  | "cors"
  /** API Gateway answered by itself, and no other code fits its status. */
  | "gateway"
  /** S3 refused the bytes, and repeating did not help. */
  | "upload_refused"
  /** S3 has other bytes than the file. */
  | "checksum_mismatch"
  /**
   * The file on the disk differs from what it was when the upload began; or, from the API, a file was replaced while it
   * was renamed.
   */
  | "file_changed";

/** Details of a failure. */
export interface ErrorDetails {
  /** Finds the cause in the server's log. */
  requestId?: string;
  /** How long the server asks the client to wait. */
  retryAfterMs?: number;
  /** Set where the status alone does not decide. */
  retryable?: boolean;
  cause?: unknown;
}

/** Every failure of this package except an abort, which rejects with the signal's own reason. */
export class SlipwayError extends Error {
  override readonly name = "SlipwayError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** The HTTP status, or 0 without an answer. */
    readonly status = 0,
    readonly details: ErrorDetails = {},
  ) {
    super(message, { cause: details.cause });
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    const { code, status } = this;
    // Too many unfinished uploads stay too many until the application completes or aborts some.
    const passing = /^(network|cors)$/.test(code) || status >= 500 || (status === 429 && !/^too/.test(code));
    return this.details.retryable ?? passing;
  }
}

/** What API Gateway means. Its 404 is a wrong `url`, and must not look like a file that is gone. */
const BY_STATUS: Record<number, ErrorCode> = {
  401: "unauthenticated",
  403: "forbidden",
  503: "unavailable",
  504: "timeout",
};

/** Reads an error answer: `{code, error}` of a function, `{message}` of API Gateway, or neither. */
export function errorOf({ status, headers }: Response, body?: unknown): SlipwayError {
  const { code, error, message, requestId } = (body ?? {}) as Record<string, string | undefined>;
  const fitting = (code as ErrorCode) ?? BY_STATUS[status] ?? "gateway";
  const seconds = Number.parseInt(headers.get("Retry-After") as string, 10);
  return new SlipwayError(fitting, error ?? message ?? `The server answered ${status}.`, status, {
    requestId,
    retryAfterMs: seconds >= 0 ? seconds * 1000 : undefined,
  });
}
