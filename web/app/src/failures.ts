/** Failed uploads as one message, however many there are. The queue shows the reason of each. */
import type { QueuedUpload } from "@slipway/client";
import * as format from "./format.ts";
import { quoted } from "./names.ts";
import type { Said, Say } from "./toasts.ts";

/** How long failures that arrive together are collected. */
const TOGETHER_MS = 250;

export class Failures {
  #reasons: string[] = [];
  #name = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #said: Said | undefined;

  constructor(
    private readonly say: (message: string, options: Say) => Said,
    private readonly reason: (upload: QueuedUpload) => string,
  ) {}

  add(upload: QueuedUpload): void {
    // A message that is still open goes on counting.
    if (this.#timer === undefined && !this.#said?.isOpen) this.#reasons = [];
    this.#name = upload.name;
    this.#reasons.push(this.reason(upload));
    this.#timer ??= setTimeout(() => this.#show(), TOGETHER_MS);
  }

  #show(): void {
    this.#timer = undefined;
    const text = this.#text();
    if (this.#said?.isOpen) this.#said.change(text);
    else this.#said = this.say(text, { variant: "danger", duration: 8_000 });
  }

  #text(): string {
    const [first = ""] = this.#reasons;
    if (this.#reasons.length === 1) return `${quoted(this.#name)}: ${first}`;
    const kinds = new Set(this.#reasons).size;
    const why = kinds === 1 ? first : "The list of uploads says why.";
    return `${format.count(this.#reasons.length, "file")} not uploaded. ${why}`;
  }
}
