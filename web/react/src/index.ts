"use client";
/** React hooks over the queue and the lists of `@slipway/client`. */
export { type Files, type FilesOptions, useFiles } from "./files.js";
export { type Uploads, useUploads } from "./uploads.js";
