/**
 * `<slipway-uploader url="https://…">`: a button and a drop zone over a queue of uploads.
 *
 * Attributes: `url`, `accept`, `single` (one file at a time), `rule`. Properties: `token`, `client`, `metadata`,
 * `labels`, and `queue` to read. Events, which bubble: `slipway-done` with the stored file,
 * `slipway-failed` with the upload, `slipway-idle` with the totals.
 */
import {
  type Client,
  type ConnectionOptions,
  createClient,
  type QueueEvents,
  type Totals,
  UploadQueue,
} from "@slipway/client";
import { ENGLISH, type Labels } from "./labels.js";
import { make, type Row, row } from "./row.js";
import { STYLE } from "./style.js";

export type { Labels } from "./labels.js";

/** More rows are counted, and not shown. */
const SHOWN = 100;

export class SlipwayUploader extends HTMLElement {
  static readonly observedAttributes = ["accept", "single"];

  // Declared alone: a page may have set them before the element was defined, and a field would forget that.
  /** Returns the caller's token. */
  declare token: ConnectionOptions["token"] | undefined;
  /** A client that exists already, instead of `url` and `token`. */
  declare client: Client | undefined;
  /** Data of the application for each file. */
  declare metadata: Record<string, string> | undefined;
  #labels = ENGLISH;
  #queue: UploadQueue | undefined;
  #off: (() => void)[] = [];
  readonly #rows = new Map<number, Row>();
  readonly #input = make("input", "input");
  readonly #choose = make("span", "choose-label");
  readonly #hint = make("span", "hint");
  readonly #zone = make("div", "zone");
  readonly #list = make("ul", "list");
  readonly #more = make("p", "more");

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const label = make("label", "choose");
    label.append(this.#choose, this.#input);
    this.#zone.append(label, " ", this.#hint);
    this.#more.hidden = true;
    this.#input.type = "file";
    this.#input.multiple = true;
    root.append(this.#zone, this.#list, this.#more);
    style(root);
    this.#input.addEventListener("change", () => {
      this.add(this.#input.files ?? []);
      // The same file can be chosen again.
      this.#input.value = "";
    });
    const over = (on: boolean) => (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.#zone.classList.toggle("over", on);
    };
    this.#zone.addEventListener("dragover", over(true));
    this.#zone.addEventListener("dragleave", over(false));
    this.#zone.addEventListener("drop", (event) => {
      over(false)(event);
      this.add(event.dataTransfer?.files ?? []);
    });
    const { labels } = this;
    // Set before the definition, it hides the accessor of the class.
    Reflect.deleteProperty(this, "labels");
    this.labels = labels;
  }

  /** Other words than the English ones. */
  get labels(): Labels {
    return this.#labels;
  }

  set labels(labels: Partial<Labels>) {
    this.#labels = { ...ENGLISH, ...labels };
    this.#words();
  }

  /** The queue. It is made from `client`, or from `url` and `token`, when it is needed first. */
  get queue(): UploadQueue {
    this.#queue ??= this.#make();
    return this.#queue;
  }

  /** Uploads files, as if they had been chosen. */
  add(files: Iterable<File> | ArrayLike<File>): void {
    const all = Array.from(files as ArrayLike<File>);
    if (all.length === 0) return;
    const rule = this.getAttribute("rule") ?? undefined;
    const { metadata } = this;
    this.queue.add((this.hasAttribute("single") ? all.slice(0, 1) : all).map((file) => ({ file, rule, metadata })));
  }

  connectedCallback(): void {
    if (this.#queue) this.#listen(this.#queue);
  }

  /** Uploads go on. An element that is put elsewhere in the page shows them again. */
  disconnectedCallback(): void {
    for (const off of this.#off.splice(0)) off();
  }

  attributeChangedCallback(): void {
    this.#input.accept = this.getAttribute("accept") ?? "";
    this.#input.multiple = !this.hasAttribute("single");
  }

  #make(): UploadQueue {
    const url = this.getAttribute("url");
    const { token } = this;
    if (!this.client && !(url && token)) {
      throw new Error("<slipway-uploader> needs the attribute url and the property token, or the property client.");
    }
    const queue = new UploadQueue(this.client ?? createClient({ url: url as string, token: token as () => string }));
    if (this.isConnected) this.#listen(queue);
    return queue;
  }

  #listen(queue: UploadQueue): void {
    const tell = (name: string, detail: unknown) =>
      this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
    this.#off.push(
      queue.on("change", (snapshot) => this.#draw(queue, snapshot)),
      queue.on("done", ({ stored }) => tell("slipway-done", stored)),
      queue.on("failed", (upload) => tell("slipway-failed", upload)),
      queue.on("idle", (totals: Totals) => tell("slipway-idle", totals)),
    );
    this.#draw(queue, queue.snapshot);
  }

  #draw(queue: UploadQueue, { uploads }: QueueEvents["change"]): void {
    const left = new Set(this.#rows.keys());
    for (const upload of uploads.slice(0, SHOWN)) {
      const { key } = upload;
      left.delete(key);
      let shown = this.#rows.get(key);
      if (!shown) {
        shown = row(queue, key, () => this.#labels);
        this.#rows.set(key, shown);
        this.#list.append(shown.element);
      }
      shown.update(upload);
    }
    for (const key of left) {
      this.#rows.get(key)?.element.remove();
      this.#rows.delete(key);
    }
    this.#more.hidden = uploads.length <= SHOWN;
    this.#more.textContent = this.#labels.more(uploads.length - SHOWN);
  }

  #words(): void {
    this.#choose.textContent = this.#labels.choose;
    this.#hint.textContent = this.#labels.drop;
  }
}

/** As a style sheet object, which a Content Security Policy allows, or in browsers without those as an element. */
function style(root: ShadowRoot): void {
  if ("adoptedStyleSheets" in root) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    return;
  }
  const element = document.createElement("style");
  element.textContent = STYLE;
  (root as ShadowRoot).append(element);
}
