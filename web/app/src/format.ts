/** Formats sizes, durations and dates. The page's words are English, and so are its figures. */

const LOCALE = "en";
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

export function bytes(count: number): string {
  let power = Math.min(Math.max(Math.floor(Math.log10(Math.max(count, 1)) / 3), 0), UNITS.length - 1);
  // 999,950 bytes are 1 MB, not 1,000 kB.
  if (power > 0 && power < UNITS.length - 1 && Math.round(count / 1000 ** power) >= 1000) power++;
  const value = count / 1000 ** power;
  // `4 bytes`, because `4 B` is easily overlooked.
  const style = { style: "unit", unit: UNITS[power], unitDisplay: power === 0 ? "long" : "short" } as const;
  return new Intl.NumberFormat(LOCALE, { ...style, maximumFractionDigits: power && value < 10 ? 1 : 0 }).format(value);
}

/** Seconds as `3 min`. It is rounded, because it is an estimate. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const [value, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const style = { style: "unit", unit: unit as string, unitDisplay: "short" } as const;
  return new Intl.NumberFormat(LOCALE, { ...style, maximumFractionDigits: 0 }).format(Math.ceil(value as number));
}

export function day(time: string): string {
  return new Date(time).toLocaleString(LOCALE, { dateStyle: "medium", timeStyle: "short" });
}

export function number(n: number): string {
  return n.toLocaleString(LOCALE);
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** The kind of a file, which decides how it is shown. */
export type Kind = "image" | "video" | "audio" | "pdf" | "text" | "other";

export function kind(contentType: string): Kind {
  const [type = ""] = contentType.toLowerCase().split(";");
  if (type === "application/pdf") return "pdf";
  // Read URLs of these types are attachments, which browsers do not render.
  if (type === "image/svg+xml") return "other";
  const [family] = type.split("/");
  if (type === "application/json" || family === "text") return "text";
  return family === "image" || family === "video" || family === "audio" ? family : "other";
}
