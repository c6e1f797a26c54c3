/** The state and the actions that all views share. */
import type { Client, StoredFile, UnfinishedUpload, UploadQueue } from "@slipway/client";
import type { Dropped } from "./drop.ts";
import type { Held } from "./held.ts";
import type { Library } from "./library.ts";
import type { Movement } from "./movement.ts";
import type { Previews } from "./previews.ts";
import type { Route } from "./route.ts";
import type { Session } from "./session.ts";
import type { Said, Say } from "./toasts.ts";
import type { Left, Unfinished } from "./unfinished.ts";
import type { Rows } from "./virtual.ts";

/** A dialogue over the page, apart from the preview. */
export type Panel =
  | { kind: "details"; file: StoredFile }
  | { kind: "rename"; file: StoredFile; problem?: string; isBusy?: boolean }
  | { kind: "cancel-all" }
  | { kind: "sign-out" };

/** The menu of an entry. */
export interface Menu {
  file: StoredFile;
  x: number;
  y: number;
  /** Gets the focus back. */
  opener?: HTMLElement;
}

/** The page of a signed-in user. */
export interface Page {
  client: Client;
  session: Session;
  uploads: UploadQueue;
  unfinished: Unfinished;
  library: Library;
  previews: Previews;
  /** Whether uploads move. */
  movement: Movement;
  rows: Rows;
  /** Deletes that can still be undone. */
  held: Held;
  route: Route;
  /** The file that the preview shows. */
  open?: StoredFile;
  panel?: Panel;
  menu?: Menu;
  /** The folder into which a drop would go; undefined unless files are dragged over the page. */
  target?: string;
  /** Whether the rows of the queue are shown; undefined until the user decides. */
  showsQueue?: boolean;
  /** The key of the entry that the keyboard is at. */
  current?: string;
  changed(): void;
  /** Set while signing out, so that nothing asks whether to leave. */
  isOver?: boolean;
  /** Renders at once, for what the user does. */
  draw(): void;
  say(message: string, options?: Say): Said;
  /** Changes the view and the address. `replace`: without a step for Back. */
  go(change: Partial<Route>, how?: { replace?: boolean }): void;
  show(file?: StoredFile): void;
  upload(dropped: Dropped, folder?: string): void;
  remove(ids: string[]): void;
  rename(file: StoredFile, fileName: string): Promise<void>;
  download(file: StoredFile): Promise<void>;
  /** Copies a link that is valid for so many `seconds`, or for as long as the deployment's URLs are. */
  copyLink(file: StoredFile, seconds?: number): Promise<void>;
  choose(isFolder: boolean): void;
  /** Opens a file dialogue for an unfinished upload, and continues it. */
  resume(upload: UnfinishedUpload): void;
  discard(left: Left): void;
  signOut(isSure?: boolean): Promise<void>;
}
