/** `useFiles`: the caller's files as state of a component. */
import type { Client, ListOptions, Page, StoredFile, UploadQueue } from "@slipway/client";
import { useCallback, useEffect, useRef, useState } from "react";

/** What to list. */
export interface FilesOptions extends Omit<ListOptions, "signal"> {
  /** Files that this queue uploads appear in the list. */
  queue?: UploadQueue;
}

/** The files that are loaded, newest first. */
export interface Files {
  files: readonly StoredFile[];
  isLoading: boolean;
  /** Why the last request failed. `more` repeats it. */
  error: Error | undefined;
  hasMore: boolean;
  /** Loads the next page. */
  more(): void;
  /** Begins again with the first page. */
  reload(): void;
  /** Deletes a file, and takes it from the list once that has succeeded. */
  remove(id: string): Promise<void>;
}

interface State {
  files: readonly StoredFile[];
  /** The cursor of the next page: undefined for the first one, null at the end. */
  cursor: Page["nextCursor"] | undefined;
  isLoading: boolean;
  error: Error | undefined;
}

const EMPTY: State = { files: [], cursor: undefined, isLoading: true, error: undefined };

/** Loads the first page at once, and again when the client or the filter changes. */
export function useFiles(client: Client, { contentType, rule, pageSize, queue }: FilesOptions = {}): Files {
  const [state, setState] = useState(EMPTY);
  // What a newer load or an unmount has made obsolete is aborted.
  const running = useRef<AbortController | undefined>(undefined);
  const load = useCallback(
    async (from: State) => {
      running.current?.abort();
      const controller = new AbortController();
      const { signal } = controller;
      running.current = controller;
      setState({ ...from, isLoading: true, error: undefined });
      try {
        const page = await client.listPage({ contentType, rule, pageSize, cursor: from.cursor, signal });
        if (signal.aborted) return;
        setState((now) => ({
          files: merged(now.files, page.files),
          cursor: page.nextCursor,
          isLoading: false,
          error: undefined,
        }));
      } catch (error) {
        if (!signal.aborted) setState((now) => ({ ...now, isLoading: false, error: error as Error }));
      }
    },
    [client, contentType, rule, pageSize],
  );
  const reload = useCallback(() => void load(EMPTY), [load]);
  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);
  useEffect(
    () =>
      queue?.on("done", ({ stored }) => {
        const isListed = stored?.contentType.startsWith(contentType ?? "") && (!rule || stored.rule === rule);
        if (stored && isListed) setState((now) => ({ ...now, files: merged(now.files, [stored]) }));
      }),
    [queue, contentType, rule],
  );
  const more = useCallback(() => {
    if (state.cursor !== null && (!state.isLoading || state.error)) void load(state);
  }, [load, state]);
  const remove = useCallback(
    async (id: string) => {
      await client.remove(id);
      setState((now) => ({ ...now, files: now.files.filter((file) => file.id !== id) }));
    },
    [client],
  );
  const { files, isLoading, error } = state;
  return { files, isLoading, error, hasMore: state.cursor !== null, more, reload, remove };
}

/** Both lists, each file once, newest first: ids begin with the time. */
function merged(known: readonly StoredFile[], others: readonly StoredFile[]): readonly StoredFile[] {
  const ids = new Set(known.map(({ id }) => id));
  const all = [...known, ...others.filter(({ id }) => !ids.has(id))];
  return all.sort((a, b) => (a.id < b.id ? 1 : -1));
}
