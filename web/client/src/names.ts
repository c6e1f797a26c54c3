/**
 * Control characters, which the API refuses, and halves of UTF-16 pairs, which are not text. Written as ranges,
 * because React Native 0.74 cannot parse `\p{Cc}`: the whole module would fail to load.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const UNFIT = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/gu;

/** A name as the API takes it. File systems of Linux and macOS allow line breaks in names; each becomes `_`. */
export function plainName(name: string): string {
  return name.replace(UNFIT, "_") || "file";
}

/** `type/subtype` in tokens. A `Blob` already keeps anything but printable ASCII out of the rest. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *;|$)/;

/** A type as the API takes it. Browsers leave `File.type` empty where they know none, and scripts may set anything. */
export function plainType(type = ""): string {
  return MEDIA_TYPE.test(type) && type.length < 256 ? type : "application/octet-stream";
}

/** A query with the values that are set. React Native's `URLSearchParams` has no `set`, and older browsers' no `size`. */
export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const set = Object.entries(values).filter(([, value]) => value);
  return set.map(([name, value], n) => `${n ? "&" : "?"}${name}=${encodeURIComponent(value as string)}`).join("");
}
