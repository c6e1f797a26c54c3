/** An API that answers in the browser, for what a real one takes too long for: ten thousand files, or an upload that never ends. */
import type { Page, Route } from "playwright-core";
import type { Stack } from "../../testing/stack.ts";

/** A file of the list. */
export interface Listed {
  name: string;
  contentType?: string;
  size?: number;
  url?: string;
}

export class FakeApi {
  /** Paths that were requested, with their methods. */
  readonly log: string[] = [];
  /** What `POST /presign-upload` answers. */
  presign: (names: string[]) => { status: number; body: object } = () => ({ status: 503, body: {} });
  #files: Required<Listed>[] = [];

  constructor(private readonly stack: Stack) {}

  /** Answers for this page instead of the stack. */
  async on(page: Page): Promise<void> {
    await page.route(
      ({ href }) => href.startsWith(`${this.stack.api}/`),
      (route) => this.#answer(route),
    );
  }

  /** The files, in the order of their names. */
  set files(files: Listed[]) {
    // Where the page may load from. There is nothing.
    const url = `${this.stack.s3}/bytes`;
    this.#files = files.map((file) => ({ contentType: "text/plain", size: 1000, url, ...file }));
  }

  async #answer(route: Route): Promise<void> {
    const request = route.request();
    const { pathname, searchParams } = new URL(request.url());
    this.log.push(`${request.method()} ${pathname}`);
    const headers = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "*",
      "Access-Control-Allow-Methods": "*",
    };
    const json = (body: object, status = 200) =>
      route.fulfill({ status, headers, json: { success: status < 400, ...body } });
    if (request.method() === "OPTIONS") return route.fulfill({ status: 204, headers });
    if (pathname === "/usage") return json({ files: this.#files.length, bytes: 0, pendingBytes: 0, quotaBytes: null });
    if (pathname === "/multipart-uploads") return json({ uploads: [], nextCursor: null });
    if (pathname === "/files") return json(this.#page(searchParams));
    if (pathname === "/files/delete") return json({ deleted: request.postDataJSON().ids, missing: [] });
    if (pathname.startsWith("/files/")) return json({ file: this.#file(Number.parseInt(pathname.slice(-6), 10)) });
    if (pathname === "/presign-upload") {
      const { files, fileName } = request.postDataJSON();
      const { status, body } = this.presign(
        files ? files.map((each: { fileName: string }) => each.fileName) : [fileName],
      );
      return json(body, status);
    }
    return route.fulfill({ status: 404, headers });
  }

  #page(query: URLSearchParams): object {
    const from = Number(query.get("cursor") ?? 0);
    const to = from + Number(query.get("limit") ?? 50);
    const all = this.#files.map((_, n) => n);
    const files = all.slice(from, to).map((n) => this.#file(n));
    return { files, folders: query.has("delimiter") ? [] : undefined, nextCursor: to < all.length ? String(to) : null };
  }

  #file(n: number): object | undefined {
    const file = this.#files[n];
    if (!file) return undefined;
    const { name, contentType, size, url } = file;
    const id = `01a20000-0000-7000-8000-000000${String(n).padStart(6, "0")}`;
    return {
      id,
      objectKey: `u/${id}/x`,
      fileName: name,
      contentType,
      size,
      url,
      urlExpiresAt: "2030-01-01T00:00:00Z",
      uploadedAt: "2026-11-27T12:00:00Z",
      etag: "x",
      checksumSha256: null,
      metadata: {},
      rule: null,
    };
  }
}

/** Names that sort by their numbers. */
export const many = (count: number): Listed[] =>
  Array.from({ length: count }, (_, n) => ({ name: `file-${String(n).padStart(5, "0")}.txt` }));
