/** The state and the actions that all views share. */
import type { Client, StoredFile, UnfinishedUpload, UploadQueue } from "@slipway/client";
import type { Held } from "./held.ts";
import type { Library } from "./library.ts";
import type { Session } from "./session.ts";
import type { Left, Unfinished } from "./unfinished.ts";

/** The page of a signed-in user. */
export interface Page {
  client: Client;
  session: Session;
  uploads: UploadQueue;
  unfinished: Unfinished;
  library: Library;
  /** Deletes that can still be undone. */
  held: Held;
  view: "grid" | "list";
  /** The file that the preview shows. */
  open?: StoredFile;
  dragging: boolean;
  changed(): void;
  say(message: string, options?: Say): void;
  remove(ids: string[]): void;
  download(file: StoredFile): Promise<void>;
  copyLink(file: StoredFile): Promise<void>;
  choose(folder: boolean): void;
  /** Opens a file dialogue for an unfinished upload, and continues it. */
  resume(upload: UnfinishedUpload): void;
  discard(left: Left): void;
}

/** The look of a toast, and its button. */
export interface Say {
  variant?: "success" | "danger" | "neutral";
  action?: { label: string; run: () => void };
  duration?: number;
}
