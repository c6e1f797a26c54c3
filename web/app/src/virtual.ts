/**
 * Which entries of a long list are rendered, and where.
 *
 * Every entry of a list has the same height, and so has every card of a gallery: the place of an entry follows from
 * its number, and nothing has to be measured. Rows come and go as the window is scrolled.
 */
import { observeWindowOffset, observeWindowRect, type Range, Virtualizer, windowScroll } from "@tanstack/virtual-core";

/** Where an entry is, in pixels from the corner of the list. */
export interface Placed {
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The measures of a look. They are those of library.css. */
interface Look {
  /** The least width of a column; 0 for a single one. */
  column: number;
  gap: number;
  height: (width: number) => number;
}

const LOOKS: Record<"grid" | "list", Look> = {
  grid: { column: 176, gap: 16, height: (width) => Math.round((width * 3) / 4) + 74 },
  list: { column: 0, gap: 0, height: () => 56 },
};

/** Narrow screens show two columns, closer to each other. */
const NARROW = 620;

/** Rows above and below the window that are rendered too, so that scrolling shows no gap. */
const OVERSCAN = 3;

export class Rows {
  columns = 1;
  #width = 0;
  #count = 0;
  /** An entry that stays rendered wherever the window is, because it has the focus. */
  #kept = -1;
  #list: HTMLElement | undefined;
  /** A rendering is running, and must not cause another one. */
  #isPlacing = false;
  readonly #sizes: ResizeObserver;
  readonly #virtual: Virtualizer<Window, HTMLElement>;
  readonly #unmount: () => void;

  constructor(private readonly changed: () => void) {
    this.#virtual = new Virtualizer<Window, HTMLElement>(this.#options(0, 0));
    this.#unmount = this.#virtual._didMount();
    this.#virtual._willUpdate();
    this.#sizes = new ResizeObserver(([entry]) => {
      const width = entry?.contentRect.width ?? 0;
      if (width === this.#width) return;
      this.#width = width;
      this.changed();
    });
  }

  /** The element of the list, once it is rendered. */
  attach(list?: Element): void {
    if (list === this.#list) return;
    this.#sizes.disconnect();
    this.#list = list as HTMLElement | undefined;
    if (this.#list) this.#sizes.observe(this.#list);
  }

  /** Call it before each rendering. Returns the entries to render and the height of all. */
  place(count: number, view: "grid" | "list", kept: number): { placed: Placed[]; height: number } {
    const base = LOOKS[view];
    const isNarrow = this.#width < NARROW;
    const gap = isNarrow ? Math.min(base.gap, 10) : base.gap;
    this.#count = count;
    this.#kept = kept;
    const fitting = Math.floor((this.#width + gap) / (base.column + gap));
    this.columns = base.column === 0 ? 1 : Math.max(isNarrow ? 2 : 1, fitting);
    const width = (this.#width - gap * (this.columns - 1)) / this.columns;
    const size = base.height(width) + gap;
    const rows = Math.ceil(count / this.columns);
    const margin = this.#list ? this.#list.getBoundingClientRect().top + window.scrollY : 0;
    if (this.#width === 0) return { placed: [], height: 0 };
    this.#isPlacing = true;
    const isResized = this.#virtual.options.estimateSize(0) !== size;
    this.#virtual.setOptions(this.#options(rows, size, margin));
    if (isResized) this.#virtual.measure();
    const visible = this.#virtual.getVirtualItems();
    this.#isPlacing = false;
    const placed = visible.flatMap((row) =>
      Array.from({ length: Math.min(this.columns, count - row.index * this.columns) }, (_, column) => ({
        index: row.index * this.columns + column,
        x: column * (width + gap),
        y: row.start - margin,
        width,
        height: size - gap,
      })),
    );
    return { placed, height: Math.max(rows * size - gap, 0) };
  }

  /** Whether the end of what is loaded is near. */
  get isNearEnd(): boolean {
    const last = this.#virtual.getVirtualItems().at(-1);
    return !last || (last.index + 1 + 2 * OVERSCAN) * this.columns >= this.#count;
  }

  /** Scrolls until the entry is visible. */
  show(index: number): void {
    this.#virtual.scrollToIndex(Math.floor(index / this.columns), { align: "auto" });
  }

  stop(): void {
    this.#unmount();
    this.#sizes.disconnect();
  }

  #options(count: number, size: number, scrollMargin = 0) {
    return {
      count,
      estimateSize: () => size,
      scrollMargin,
      overscan: OVERSCAN,
      // What is sticky at the top and at the bottom must not cover what is scrolled to.
      scrollPaddingStart: 130,
      scrollPaddingEnd: 24,
      getScrollElement: (): Window => window,
      observeElementRect: observeWindowRect,
      observeElementOffset: observeWindowOffset,
      scrollToFn: windowScroll,
      initialOffset: () => window.scrollY,
      rangeExtractor: (range: Range) => this.#range(range),
      onChange: () => {
        if (!this.#isPlacing) this.changed();
      },
    };
  }

  #range({ startIndex, endIndex, overscan, count }: Range): number[] {
    const [from, to] = [Math.max(startIndex - overscan, 0), Math.min(endIndex + overscan, count - 1)];
    const rows = Array.from({ length: Math.max(to - from + 1, 0) }, (_, n) => from + n);
    const kept = Math.floor(this.#kept / this.columns);
    if (this.#kept < 0 || kept >= count || (kept >= from && kept <= to)) return rows;
    return kept < from ? [kept, ...rows] : [...rows, kept];
  }
}
