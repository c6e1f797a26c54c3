/** File names on the screen: a name must not look like another one, and its characters must not move its neighbours. */
import { html, type TemplateResult } from "lit";

/**
 * Characters that change the order of others, or that cannot be seen. `evil<U+202E>gpj.exe` would be drawn as
 * `evilexe.jpg`. Joiners (U+200C, U+200D) are not among them: Persian words and many emoji need them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is marked
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

const code = (character: string) => `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;

/** The name as text, with each such character as `[U+202E]`: for labels and titles. */
export function plain(name: string): string {
  return name.replace(CONTROL, (character) => `[${code(character)}]`);
}

/** The name inside of a sentence. The isolates keep a right-to-left name from reordering the words next to it. */
export function quoted(name: string): string {
  return `“\u2068${plain(name)}\u2069”`;
}

/** The name as markup. */
export function shown(name: string): TemplateResult {
  const parts = name.split(CONTROL);
  const marks = name.match(CONTROL) ?? [];
  // An isolate has no effect on what is around it, whatever is inside.
  return html`<span class="isolated">${parts.map((part, n) => {
    const mark = marks[n];
    return mark ? html`${part}<span class="control">${code(mark)}</span>` : part;
  })}</span>`;
}

/** The order of the API: by the bytes of UTF-8, which is the order of code points. UTF-16 has another one. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const length = Math.min(left.length, right.length);
  for (let n = 0; n < length; n++) {
    const difference = (left[n]?.codePointAt(0) ?? 0) - (right[n]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The folder of a name, with the `/` at its end; empty for the root. */
export function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1);
}

/** The last part of a name or of a folder, without a `/` at its end. */
export function lastOf(name: string): string {
  return name.replace(/\/$/, "").split("/").at(-1) || name;
}
