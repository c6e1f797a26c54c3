/** The client of Slipway for browsers, Node.js, React Native and other runtimes with `fetch`. */
import { type Connection, type ConnectionOptions, connect } from "./connection.js";
import { download, get, list, listFolder, listPage, remove, removeMany, rename, usage } from "./files.js";
import { discard, inspect, unfinished } from "./multipart.js";
import { upload } from "./upload.js";

export type { Connection, ConnectionOptions, SendFile } from "./connection.js";
export { connect } from "./connection.js";
export { type ErrorCode, SlipwayError } from "./errors.js";
export {
  type Changes,
  download,
  type Folder,
  get,
  type ListOptions,
  type ListPageOptions,
  list,
  listFolder,
  listPage,
  type Page,
  remove,
  removeMany,
  rename,
  type StoredFile,
  type Usage,
  usage,
} from "./files.js";
export { discard, inspect, type PartialUpload, type UnfinishedUpload, unfinished } from "./multipart.js";
export { plainName } from "./names.js";
export {
  type Addable,
  type AddOptions,
  type QueuedUpload,
  type QueueEvents,
  type QueueOptions,
  type QueueSnapshot,
  type Totals,
  UploadQueue,
  type UploadState,
} from "./queue.js";
export type { ResumeStore } from "./resume.js";
export type { Retry, RetryOptions } from "./retry.js";
export type { components, paths } from "./schema.js";
export { type FileOnDisk, type Progress, type Source, type UploadOptions, upload } from "./upload.js";

type Bound<F> = F extends (connection: Connection, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

/** All functions, bound to a connection. A bundler keeps all of them; single functions after `connect` can be tree-shaken. */
export interface Client {
  /** For single functions and for a queue. */
  readonly connection: Connection;
  upload: Bound<typeof upload>;
  unfinished: Bound<typeof unfinished>;
  inspect: Bound<typeof inspect>;
  discard: Bound<typeof discard>;
  list: Bound<typeof list>;
  listPage: Bound<typeof listPage>;
  listFolder: Bound<typeof listFolder>;
  get: Bound<typeof get>;
  download: Bound<typeof download>;
  rename: Bound<typeof rename>;
  remove: Bound<typeof remove>;
  removeMany: Bound<typeof removeMany>;
  usage: Bound<typeof usage>;
}

const functions = {
  upload,
  unfinished,
  inspect,
  discard,
  list,
  listPage,
  listFolder,
  get,
  download,
  rename,
  remove,
  removeMany,
  usage,
};

/** A client for one API and one caller. */
export function createClient(options: ConnectionOptions): Client {
  const connection = connect(options);
  const client: Record<string, unknown> = { connection };
  for (const [name, call] of Object.entries(functions)) {
    client[name] = (...rest: unknown[]) => (call as (...all: unknown[]) => unknown)(connection, ...rest);
  }
  return client as unknown as Client;
}
