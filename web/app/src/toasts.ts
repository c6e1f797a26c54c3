/** Short messages at the edge of the page, which screen readers announce. */
import type WaToast from "@awesome.me/webawesome/dist/components/toast/toast.js";
import "@awesome.me/webawesome/dist/components/toast-item/toast-item.js";
import type WaToastItem from "@awesome.me/webawesome/dist/components/toast-item/toast-item.js";

/** The look of a message, and its button. */
export interface Say {
  variant?: "success" | "danger" | "neutral";
  action?: { label: string; run: () => void };
  duration?: number;
  /** Called once when the message goes, for whatever reason. The pointer or the focus on it keeps it open. */
  gone?: () => void;
}

/** A message that is shown. */
export interface Said {
  readonly isOpen: boolean;
  /** Replaces its text. */
  change(message: string): void;
  hide(): void;
}

let stack: WaToast | undefined;

/** Shows a message, with a button if there is an action. */
export function say(message: string, { variant = "neutral", action, duration = 5_000, gone }: Say = {}): Said {
  if (!stack) {
    stack = document.createElement("wa-toast") as WaToast;
    stack.placement = "bottom-end";
    document.body.append(stack);
  }
  const item = document.createElement("wa-toast-item") as WaToastItem;
  Object.assign(item, { variant, duration });
  const text = Object.assign(document.createElement("span"), { textContent: message });
  item.append(text);
  let isOpen = true;
  let isForced = false;
  const end = () => {
    if (isOpen) gone?.();
    isOpen = false;
  };
  const hide = () => {
    isForced = true;
    void item.hide();
  };
  const hasFocus = () => document.activeElement !== item && item.contains(document.activeElement);
  item.addEventListener("wa-hide", (event) => {
    if (event.target !== item) return;
    // The component knows the focus on its own button only, not on ours.
    if (hasFocus() && !isForced) event.preventDefault();
    else end();
  });
  item.addEventListener("focusout", () => setTimeout(() => item.isConnected && !hasFocus() && isOpen && hide(), 2_000));
  if (action) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "link", textContent: action.label });
    button.addEventListener("click", () => {
      action.run();
      hide();
    });
    item.append(" ", button);
  }
  stack.append(item);
  return {
    get isOpen() {
      return isOpen;
    },
    change(words) {
      text.textContent = words;
    },
    hide,
  };
}
