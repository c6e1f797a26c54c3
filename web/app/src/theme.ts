/** Dark or light: as the system says, until a person does. */

const KEPT = "slipway-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark(): boolean {
  return document.documentElement.classList.contains("wa-dark");
}

export function setTheme(dark: boolean): void {
  localStorage.setItem(KEPT, dark ? "dark" : "light");
  apply();
}

/** Follows the system from now on; `changed` hears of every change. */
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
