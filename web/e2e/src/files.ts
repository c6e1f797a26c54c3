/** Files to upload, made on the fly. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";

/** A file that takes no room on the disk until somebody reads it. */
export async function sparse(name: string, size: number): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-e2e-"));
  const path = join(folder, name);
  const file = await open(path, "w");
  await file.truncate(size);
  await file.close();
  return { path, remove: () => rm(folder, { recursive: true }) };
}

export interface Small {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export const text = (name: string, words = "Hello, Slipway"): Small => ({
  name,
  mimeType: "text/plain",
  buffer: Buffer.from(words),
});

/** The smallest picture there is. */
export const picture = (name: string): Small => ({
  name,
  mimeType: "image/png",
  buffer: Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
});

/** Uses the page's own button. */
export async function choose(page: Page, files: string | string[] | Small[]): Promise<void> {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByText("Choose files").click()]);
  await chooser.setFiles(files);
}

const items = (page: Page, list: string): Locator =>
  page.getByRole("list", { name: list, exact: true }).locator(".item");

/** An upload in the queue. */
export const row = (page: Page, name: string): Locator => items(page, "Uploads").filter({ hasText: name });

/** One that was begun and is in no queue. */
export const left = (page: Page, name: string): Locator => items(page, "Unfinished uploads").filter({ hasText: name });

export const file = (page: Page, name: string): Locator => page.locator(".library .file").filter({ hasText: name });

/** A message at the edge of the page. Screen readers are told the same from another place. */
export const toast = (page: Page, words: string): Locator => page.locator("wa-toast-item").filter({ hasText: words });

/** Waits until so many uploads are done. */
export async function done(page: Page, count: number): Promise<void> {
  const summary = page.locator(".queue .summary").filter({ hasText: `${count} done` });
  // Only a bound: a busy machine takes its time for hundreds.
  await summary.waitFor({ timeout: 300_000 });
}
