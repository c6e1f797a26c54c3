/** The dark or light theme: the system's, until the user chooses. */

const KEPT = "slipway-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark(): boolean {
  return document.documentElement.classList.contains("wa-dark");
}

export function setTheme(dark: boolean): void {
  localStorage.setItem(KEPT, dark ? "dark" : "light");
  apply();
}

/** Follows the system from now on, and calls `changed` on every change. */
export function followTheme(changed: () => void): void {
  heard = changed;
  system.addEventListener("change", apply);
  apply();
}

let heard = () => {};

function apply(): void {
  const kept = localStorage.getItem(KEPT);
  const dark = kept ? kept === "dark" : system.matches;
  document.documentElement.classList.toggle("wa-dark", dark);
  heard();
}
