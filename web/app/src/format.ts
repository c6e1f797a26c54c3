/** Formats sizes, durations and dates in the user's language. */

const UNITS = ["kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

export function bytes(count: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(count, 1)) / 3), 1), UNITS.length);
  // A small file must not be shown as 0.
  const value = count > 0 ? Math.max(count / 1000 ** power, 0.1) : 0;
  const style = { style: "unit", unit: UNITS[power - 1], unitDisplay: "short" } as const;
  return new Intl.NumberFormat(undefined, { ...style, maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** Seconds as `3 min`. It is rounded, because it is an estimate. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const [value, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const style = { style: "unit", unit: unit as string, unitDisplay: "short" } as const;
  return new Intl.NumberFormat(undefined, { ...style, maximumFractionDigits: 0 }).format(Math.ceil(value as number));
}

export function day(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
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
