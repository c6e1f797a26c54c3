/** Short messages at the edge of the page, which screen readers announce. */
import "@awesome.me/webawesome/dist/components/toast-item/toast-item.js";
import type WaToast from "@awesome.me/webawesome/dist/components/toast/toast.js";
import type { Say } from "./page.ts";

let stack: WaToast | undefined;

/** Shows a message, with a button if there is an action. */
export function say(message: string, { variant = "neutral", action, duration = 5_000 }: Say = {}): void {
  if (!stack) {
    stack = document.createElement("wa-toast") as WaToast;
    stack.placement = "bottom-center";
    document.body.append(stack);
  }
  const item = document.createElement("wa-toast-item");
  Object.assign(item, { variant, duration });
  const text = document.createElement("span");
  text.textContent = message;
  item.append(text);
  if (action) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "link", textContent: action.label });
    button.addEventListener("click", () => {
      action.run();
      void item.hide();
    });
    item.append(" ", button);
  }
  stack.append(item);
}
