// The upload function as tutorials write it in Node.js: Hono, the AWS SDK, one client of each kind made once.
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import pg from "pg";

const bucket = process.env.S3_BUCKET_NAME;
// What a local S3 needs, and AWS does not.
const s3 = new S3Client({ forcePathStyle: true });
const postgres = new pg.Client({ connectionString: process.env.DATABASE_URL });
const connected = postgres.connect();

const app = new Hono();

const user = (c) => c.env.event.requestContext.authorizer.jwt.claims.sub;

app.post("/presign-upload", async (c) => {
  const { fileName, contentType } = await c.req.json();
  const id = randomUUID();
  const objectKey = `${user(c)}/${id}/${fileName}`;
  const command = new PutObjectCommand({ Bucket: bucket, Key: objectKey, ContentType: contentType });
  const presignedUrl = await getSignedUrl(s3, command, { expiresIn: 300 });
  return c.json({ success: true, id, objectKey, presignedUrl });
});

app.post("/save-metadata", async (c) => {
  const { objectKey, fileName } = await c.req.json();
  if (!objectKey.startsWith(`${user(c)}/`)) return c.json({ success: false }, 403);
  const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: objectKey }));
  const id = objectKey.split("/")[1];
  await connected;
  await postgres.query(
    `INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now()) ON CONFLICT (id) DO NOTHING`,
    [
      id,
      objectKey,
      bucket,
      `https://${bucket}.s3.amazonaws.com/${objectKey}`,
      user(c),
      fileName,
      head.ContentType,
      head.ContentLength,
      head.ETag,
    ],
  );
  return c.json({ success: true, id });
});

app.get("/files", async (c) => {
  await connected;
  const { rows } = await postgres.query(
    `SELECT id, object_key, file_name, content_type, size, etag, upload_timestamp FROM s3_files
     WHERE user_id = $1 AND deleted_at IS NULL ORDER BY id DESC LIMIT 100`,
    [user(c)],
  );
  const files = await Promise.all(
    rows.map(async (row) => ({
      id: row.id,
      objectKey: row.object_key,
      fileName: row.file_name,
      contentType: row.content_type,
      size: Number(row.size),
      etag: row.etag,
      uploadedAt: row.upload_timestamp,
      url: await getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: row.object_key }), { expiresIn: 900 }),
    })),
  );
  return c.json({ success: true, files });
});

app.delete("/files/:id", async (c) => {
  await connected;
  const { rows } = await postgres.query(
    "DELETE FROM s3_files WHERE id = $1 AND user_id = $2 RETURNING object_key",
    [c.req.param("id"), user(c)],
  );
  if (rows.length === 0) return c.json({ success: false }, 404);
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: rows[0].object_key }));
  return c.json({ success: true });
});

export const handler = handle(app);
