/** What all views share: the state, and what can be done. */
import type { Client, StoredFile, UnfinishedUpload } from "@slipway/client";
import type { Held } from "./held.ts";
import type { Library } from "./library.ts";
import type { Session } from "./session.ts";
import type { Left, Unfinished } from "./unfinished.ts";
import type { Uploads } from "./uploads.ts";

/** The page of somebody who is signed in. */
export interface Page {
  client: Client;
  session: Session;
  uploads: Uploads;
  unfinished: Unfinished;
  library: Library;
  /** Deletes that can still be taken back. */
  held: Held;
  view: "grid" | "list";
  /** The file in the preview. */
  open?: StoredFile;
  dragging: boolean;
  changed(): void;
  say(message: string, options?: Say): void;
  remove(ids: string[]): void;
  download(file: StoredFile): Promise<void>;
  copyLink(file: StoredFile): Promise<void>;
  choose(folder: boolean): void;
  /** Asks for the file of an unfinished upload, and goes on with it. */
  resume(upload: UnfinishedUpload): void;
  discard(left: Left): void;
}

/** How a toast looks, and what it offers. */
export interface Say {
  variant?: "success" | "danger" | "neutral";
  action?: { label: string; run: () => void };
  duration?: number;
}
