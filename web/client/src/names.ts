/** Control characters, which the API refuses, and halves of UTF-16 pairs, which are not text. */
const UNFIT = /[\p{Cc}\p{Cs}]/gu;

/** A name as the API takes it. File systems of Linux and macOS allow line breaks in names; each becomes `_`. */
export function plainName(name: string): string {
  return name.replace(UNFIT, "_") || "file";
}

/** `type/subtype` in tokens. A `Blob` already keeps anything but printable ASCII out of the rest. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *;|$)/;

/** A type as the API takes it. Browsers leave `File.type` empty where they know none, and scripts may set anything. */
export function plainType(type: string): string {
  return MEDIA_TYPE.test(type) && type.length < 256 ? type : "application/octet-stream";
}
