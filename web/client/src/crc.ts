/** The checksum of a file that is being sent. Its code is loaded when the first large file is uploaded. */
import { withMemory } from "./memory.js";

/** A checksum in the making. */
export interface Crc {
  /** Reads up to the byte `end`, or to the end of the file. */
  readTo(end: number): void;
  /** The whole file's, as the API writes it; undefined if it cannot be computed. */
  value(): Promise<string | undefined>;
}

/** The CRC-64/NVME of `file`; undefined if its code cannot be loaded, as after a deployment that replaced it. */
export async function crcOf(file: Blob): Promise<Crc | undefined> {
  try {
    return new (await import("./crc64.js")).FileCrc(file, withMemory);
  } catch {
    return undefined;
  }
}
