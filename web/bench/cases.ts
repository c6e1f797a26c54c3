/** What is measured. */

const KB = 1000;
export const MB = 1000 * KB;

/** The ways of `ways.js`, in the order of the table. */
export const WAYS = ["bare", "hand", "client", "queue", "uppy", "better", "tus"] as const;
export type Way = (typeof WAYS)[number];

/** Whose uploads become rows, by the client or by the event of S3. */
export const RECORDED = new Set<Way>(["bare", "hand", "client", "queue", "uppy"]);

export interface Case {
  name: string;
  count: number;
  size: number;
  /** Through 40 ms there and back, and 20 Mbit/s up. */
  link: boolean;
  /** Each run on a new page: no connection is open, and no preflight is known. */
  fresh?: boolean;
  /** For comparisons that take long. */
  ways?: readonly Way[];
}

export const CASES: Case[] = [
  { name: "one image of 300 kB, the first on a page", count: 1, size: 300 * KB, link: true, fresh: true },
  { name: "one image of 300 kB, the second on a page", count: 1, size: 300 * KB, link: true },
  { name: "20 images of 300 kB", count: 20, size: 300 * KB, link: true },
  { name: "100 files of 1 kB", count: 100, size: KB, link: true },
  { name: "one image of 300 kB, the second on a page", count: 1, size: 300 * KB, link: false },
  { name: "20 images of 300 kB", count: 20, size: 300 * KB, link: false },
  { name: "100 files of 1 kB", count: 100, size: KB, link: false },
  { name: "20 MB", count: 1, size: 20 * MB, link: false },
  { name: "60 MB", count: 1, size: 60 * MB, link: false },
  { name: "150 MB", count: 1, size: 150 * MB, link: false },
  { name: "60 files of 60 MB", count: 60, size: 60 * MB, link: false, ways: ["hand", "client", "queue"] },
];
