/** Slipway for an app that has Uppy already: the options of `@uppy/aws-s3`, 6.3 or newer. */
import type AwsS3 from "@uppy/aws-s3";
import type { Body, Meta, Uppy, UppyFile } from "@uppy/core";
import { type Connection, type ConnectionOptions, call, connect } from "./connection.js";
import { SlipwayError } from "./errors.js";
import type { StoredFile } from "./files.js";
import { plainName, plainType } from "./names.js";
import type { components } from "./schema.js";
import { post } from "./upload.js";

type Schemas = components["schemas"];
type S3 = typeof AwsS3<Meta, Body>;
type Options = Extract<ConstructorParameters<S3>[1], { signRequest: unknown }>;
type Request = Parameters<Options["signRequest"]>[0];
type Signed = Awaited<ReturnType<Options["signRequest"]>>;

const MIB = 1024 * 1024;

/** As long as the server's own, and longer where 10,000 would not do. */
const chunkSize = ({ size }: { size: number }) => Math.max(16 * MIB, Math.ceil(size / 10_000));

/** Adds `@uppy/aws-s3` to an Uppy, so that files go to Slipway. Each file's `response.body.file` is then what `upload()` resolves with. */
export function useSlipway<M extends Meta, B extends Body>(
  uppy: Uppy<M, B>,
  plugin: typeof AwsS3<M, B>,
  connection: ConnectionOptions,
): Uppy<M, B> {
  const slipway = connect(connection);
  const file = (key: string) => uppy.getFile(key);
  // Uppy calls a file complete when its bytes are there; it is in the list once it is recorded.
  uppy.addPostProcessor(async (ids) => {
    await Promise.all(ids.map((id) => record(uppy, slipway, id)));
  });
  return uppy.use(plugin, {
    // Until there is the real one, the file's own id stands for it.
    generateObjectKey: ({ id }: UppyFile<M, B>) => id,
    getChunkSize: chunkSize,
    signRequest: (request: Request) => sign(slipway, request, file).catch(plain),
  } as ConstructorParameters<typeof AwsS3<M, B>>[1]);
}

async function record<M extends Meta, B extends Body>(
  uppy: Uppy<M, B>,
  slipway: Connection,
  id: string,
): Promise<void> {
  const file = uppy.getFile(id);
  const { key } = (file?.response?.body ?? {}) as { key?: string };
  if (!file || file.error || !key) return;
  try {
    const recorded = await post<{ file: StoredFile }>(slipway, "/save-metadata", { objectKey: key });
    const body = { ...file.response?.body, file: recorded.file } as unknown as B;
    uppy.setFileState(id, { response: { ...file.response, status: 200, body } });
  } catch (error) {
    uppy.emit("upload-error", file, plainError(error));
  }
}

/** Uppy appends `error.details` to the message as text, which would be "[object Object]". The whole error is the `cause`. */
function plainError(error: unknown): Error {
  return error instanceof SlipwayError ? new Error(error.message, { cause: error }) : (error as Error);
}

function plain(error: unknown): never {
  throw plainError(error);
}

type FileOf = (
  key: string,
) => { name?: string; type?: string; size: number | null; meta?: Record<string, unknown> } | undefined;

/** Every request that the plugin would make. Parts and whole files go to S3; what S3's own API would answer to the
 * others, ours has answered already: it is handed on as a `data:` URL. A page with a Content Security Policy must
 * allow `data:` in `connect-src`. */
async function sign(slipway: Connection, request: Request, file: FileOf): Promise<Signed> {
  const { method, key } = request;
  if (!("uploadId" in request)) {
    if (method === "PUT") return signFile(slipway, describe(file(key)));
    if (method === "POST") return begin(slipway, describe(file(key)));
    throw new SlipwayError("invalid_request", "Delete files by remove(id).");
  }
  const path = `/multipart-uploads/${encodeURIComponent(request.uploadId)}`;
  if ("partNumber" in request) {
    const body = { partNumbers: [request.partNumber] };
    const [part] = (await post<Schemas["SignPartsResponse"]>(slipway, `${path}/parts`, body)).parts;
    if (!part) throw new SlipwayError("not_found", "The server signed no such part.");
    return part;
  }
  if (method === "GET") return parts(slipway, path);
  if (method === "POST") return complete(slipway, path, key);
  await call(slipway, path, { method: "DELETE" });
  return answer("<Aborted/>");
}

function describe(file: ReturnType<FileOf>): Schemas["MultipartIntent"] {
  if (!file) throw new SlipwayError("not_found", "Uppy no longer has this file.");
  // The dashboard keeps an edited name in `meta.name`, and the path of a file in a dropped folder in `relativePath`.
  const { relativePath, name } = file.meta ?? {};
  const folder = String(relativePath ?? "").replace(/^\/+|[^/]*$/g, "");
  return {
    fileName: plainName(folder + String(name || file.name || "file")),
    contentType: plainType(file.type),
    size: file.size ?? 0,
  };
}

async function signFile(slipway: Connection, intent: Schemas["UploadIntent"]): Promise<Signed> {
  const {
    presignedUrl: url,
    objectKey: key,
    headers,
  } = await post<Schemas["PresignOneResponse"]>(slipway, "/presign-upload", intent);
  return { url, key, headers: { ...headers } as Record<string, string> };
}

async function begin(slipway: Connection, intent: Schemas["MultipartIntent"]): Promise<Signed> {
  const partSize = chunkSize({ size: intent.size });
  const begun = await post<Schemas["MultipartCreated"]>(slipway, "/multipart-uploads", { ...intent, partSize });
  if (begun.partSize !== partSize)
    throw new SlipwayError("invalid_request", "The server wants other parts than Uppy cuts.");
  const xml = `<InitiateMultipartUploadResult><UploadId>${begun.id}</UploadId></InitiateMultipartUploadResult>`;
  return { ...answer(xml), key: begun.objectKey };
}

async function parts(slipway: Connection, path: string): Promise<Signed> {
  const { data } = await call<Schemas["MultipartUpload"]>(slipway, path);
  const each = data.parts.map(
    (part) => `<Part><PartNumber>${part.partNumber}</PartNumber><ETag>${part.etag}</ETag></Part>`,
  );
  return answer(`<ListPartsResult>${each.join("")}</ListPartsResult>`);
}

async function complete(slipway: Connection, path: string, key: string): Promise<Signed> {
  for (;;) {
    const { status, data } = await call<Schemas["FileResponse"]>(slipway, `${path}/complete`, { method: "POST" });
    if (status === 202) {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      continue;
    }
    const location = escaped(data.file.url?.split("?")[0] ?? key);
    const result = `<Location>${location}</Location><Key>${escaped(key)}</Key><ETag>${data.file.etag}</ETag>`;
    return answer(`<CompleteMultipartUploadResult>${result}</CompleteMultipartUploadResult>`);
  }
}

const escaped = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** A request that answers itself. */
function answer(xml: string): Signed {
  return { url: `data:application/xml,${encodeURIComponent(xml)}` };
}
