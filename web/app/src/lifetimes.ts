/** How long a link can be valid. */

/** A lifetime to choose. */
export interface Lifetime {
  seconds: number;
  label: string;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Round lifetimes. The deployment's own limit, `READ_URL_SECONDS`, is at most twelve hours. */
const ROUND = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR];

/** The lifetimes up to `longest` seconds, which is the last one. */
export function lifetimes(longest: number): Lifetime[] {
  const shorter = ROUND.filter((seconds) => seconds < longest);
  return [...shorter, longest].map((seconds) => ({ seconds, label: words(seconds) }));
}

/**
 * The seconds for which a URL is valid: the deployment's limit, if the URL was requested without `urlSeconds`.
 * Undefined for a public URL, and for a file without one.
 */
export function lifetimeOf(url: string | null): number | undefined {
  const seconds = Number(url && new URL(url).searchParams.get("X-Amz-Expires"));
  return seconds > 0 ? seconds : undefined;
}

function words(seconds: number): string {
  const [size, unit] =
    seconds % HOUR === 0 ? [HOUR, "hour"] : seconds % MINUTE === 0 ? [MINUTE, "minute"] : [1, "second"];
  const count = seconds / size;
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
