/** One upload: its name, state, progress, and what can be done with it. */
import type { QueuedUpload, UploadQueue } from "@slipway/client";
import type { Labels } from "./labels.js";

export type Row = { element: HTMLLIElement; update(upload: QueuedUpload): void };

export function row(queue: UploadQueue, key: number, labels: () => Labels): Row {
  const element = make("li", "upload");
  const name = make("bdi", "name");
  const status = make("span", "status");
  const actions = make("span", "actions");
  const progress = make("progress", "progress");
  element.append(name, status, actions, progress);
  let shown: QueuedUpload | undefined;
  const act = (label: string, run: (key: number) => void) => {
    const button = make("button", "action");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", `${label} ${shown?.name}`);
    button.addEventListener("click", () => run(key));
    return button;
  };
  const update = (upload: QueuedUpload) => {
    const { state, size, sent, error, retryable } = upload;
    if (upload === shown) return;
    const isSame = shown?.state === state && shown.retryable === retryable;
    shown = upload;
    progress.max = size || 1;
    progress.value = state === "done" ? progress.max : sent;
    if (isSame) return;
    const words = labels();
    name.textContent = upload.name;
    name.title = upload.name;
    element.dataset.state = state;
    status.textContent = state === "failed" ? `${words.failed}: ${error?.message}` : words[state];
    progress.setAttribute("aria-label", upload.name);
    progress.hidden = state === "done" || state === "failed";
    // A button that has the focus must not be lost to an update of the bytes: only another state makes new ones.
    actions.replaceChildren(
      ...(state === "waiting" || state === "uploading" ? [act(words.pause, (key) => queue.pause(key))] : []),
      ...(state === "paused" ? [act(words.resume, (key) => queue.resume(key))] : []),
      ...(retryable ? [act(words.retry, (key) => queue.retry(key))] : []),
      ...(state === "done" ? [] : [act(words.cancel, (key) => queue.cancel(key))]),
    );
  };
  return { element, update };
}

/** An element whose class is also its part. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, name: string): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = name;
  element.setAttribute("part", name);
  return element;
}
