/** The checksum of a file that is being sent. Its code is loaded when the first large file is uploaded. */
import { withMemory } from "./memory.js";
import { isReadable } from "./send.js";

/** A checksum in the making. */
export interface Crc {
  /** Reads up to the byte `end`. */
  readTo(end: number): void;
  /** The whole file's, as the API writes it; undefined if it cannot be computed. */
  value(): Promise<string | undefined>;
}

/** The CRC-64/NVME of `file`; undefined where scripts cannot read it. */
export function crcOf(file: Blob): Crc | undefined {
  if (!isReadable(file)) return undefined;
  // Without the code, as after a deployment that replaced it, the upload goes without.
  const loading = import("./crc64.js").then(({ FileCrc }) => new FileCrc(file, withMemory)).catch(() => undefined);
  return {
    readTo: (end) => void loading.then((crc) => crc?.readTo(end)),
    value: () => loading.then((crc) => crc?.value()),
  };
}
