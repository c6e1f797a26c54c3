/** How fast the connection is, as far as it was measured, and what follows for parts. */

const MIB = 1024 * 1024;
/** S3 accepts no smaller part, except the last. */
const SMALLEST_PART = 5 * MIB;
const LARGEST_PART = 16 * MIB;
/** S3 accepts no more parts. */
const MOST_PARTS = 10_000;
/** A pause or a reload loses what the parts in flight have sent. With this target, that is seconds. */
const SECONDS_PER_PART = 5;
/** The speed is measured over windows of at least this length. */
const WINDOW_MS = 500;

/** Measures all uploads of one connection. */
export class Pace {
  /** Bytes per second; undefined until the first window has passed. */
  #speed: number | undefined;
  #bytes = 0;
  #since = 0;
  #active = 0;

  /** A part begins. Call the result when it has ended. */
  begin(): () => void {
    // Time without an upload must not count.
    if (this.#active++ === 0) {
      this.#since = Date.now();
      this.#bytes = 0;
    }
    return () => {
      this.#active--;
    };
  }

  /** Counts bytes that were sent. */
  sent(bytes: number): void {
    this.#bytes += Math.max(0, bytes);
    const elapsed = Date.now() - this.#since;
    if (elapsed < WINDOW_MS) return;
    const speed = (this.#bytes / elapsed) * 1000;
    this.#speed = this.#speed === undefined ? speed : (this.#speed + speed) / 2;
    this.#since += elapsed;
    this.#bytes = 0;
  }

  /** How many parts to send at once: more only where one connection may not fill the link. */
  parallel(): number {
    const speed = this.#speed ?? MIB;
    return speed < MIB / 2 ? 1 : speed < 2 * MIB ? 2 : Number.POSITIVE_INFINITY;
  }

  /** How long the parts of a file of `size` bytes should be. */
  partSize(size: number): number {
    // Before the first measurement, as large as a server chooses.
    const wanted = this.#speed === undefined ? LARGEST_PART : this.#speed * SECONDS_PER_PART;
    const fitting = Math.min(LARGEST_PART, Math.max(SMALLEST_PART, wanted));
    return Math.ceil(Math.max(fitting, size / MOST_PARTS));
  }
}
