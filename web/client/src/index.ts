/** The client of Slipway for browsers, Node.js, React Native and other runtimes with `fetch`. */
import { type Connection, type ConnectionOptions, connect } from "./connection.js";
import { download, get, list, listFolder, listPage, remove, removeMany, usage } from "./files.js";
import { discard, inspect, unfinished } from "./multipart.js";
import { upload } from "./upload.js";

export type { Connection, ConnectionOptions } from "./connection.js";
export { connect } from "./connection.js";
export { type ErrorCode, SlipwayError } from "./errors.js";
export * from "./files.js";
export { discard, inspect, type PartialUpload, type UnfinishedUpload, unfinished } from "./multipart.js";
export { plainName } from "./names.js";
export type { ResumeStore } from "./resume.js";
export type { RetryOptions } from "./retry.js";
export type { components, paths } from "./schema.js";
export { type Progress, type UploadOptions, upload } from "./upload.js";

type Bound<F> = F extends (connection: Connection, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

/** All functions, bound to a connection. A bundler keeps all of them; single functions after `connect` can be tree-shaken. */
export interface Client {
  upload: Bound<typeof upload>;
  unfinished: Bound<typeof unfinished>;
  inspect: Bound<typeof inspect>;
  discard: Bound<typeof discard>;
  list: Bound<typeof list>;
  listPage: Bound<typeof listPage>;
  listFolder: Bound<typeof listFolder>;
  get: Bound<typeof get>;
  download: Bound<typeof download>;
  remove: Bound<typeof remove>;
  removeMany: Bound<typeof removeMany>;
  usage: Bound<typeof usage>;
}

/** A client for one API and one caller. */
export function createClient(options: ConnectionOptions): Client {
  const connection = connect(options);
  return {
    upload: (...rest) => upload(connection, ...rest),
    unfinished: (...rest) => unfinished(connection, ...rest),
    inspect: (...rest) => inspect(connection, ...rest),
    discard: (...rest) => discard(connection, ...rest),
    list: (...rest) => list(connection, ...rest),
    listPage: (...rest) => listPage(connection, ...rest),
    listFolder: (...rest) => listFolder(connection, ...rest),
    get: (...rest) => get(connection, ...rest),
    download: (...rest) => download(connection, ...rest),
    remove: (...rest) => remove(connection, ...rest),
    removeMany: (...rest) => removeMany(connection, ...rest),
    usage: (...rest) => usage(connection, ...rest),
  };
}
