/** Importing this defines `<slipway-uploader>`. */
import { SlipwayUploader } from "./element.js";

export { type Labels, SlipwayUploader } from "./element.js";

// Two copies of the package in one page must not fail.
if (!customElements.get("slipway-uploader")) customElements.define("slipway-uploader", SlipwayUploader);

declare global {
  interface HTMLElementTagNameMap {
    "slipway-uploader": SlipwayUploader;
  }
}
