/**
 * The servers of the other clients, in a process of their own: `node servers.js`. The S3 server and its keys are read
 * from the environment. Prints the addresses as JSON, and ends when its input does.
 */
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { route } from "@better-upload/server";
import { toNodeHandler } from "@better-upload/server/adapters/node";
import { custom } from "@better-upload/server/clients";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const { S3, BUCKET, KEY, SECRET, FOLDER = "tus" } = process.env;

/** As the template's and the local API's: a preflight is valid for an hour. */
const CORS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "*",
  "Access-Control-Allow-Headers": "authorization, content-type",
  "Access-Control-Max-Age": "3600",
};

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${server.address().port}`;
}

const GB = 1e9;
let made = 0;
const better = toNodeHandler({
  client: custom({
    host: new URL(S3).host,
    accessKeyId: KEY,
    secretAccessKey: SECRET,
    region: "us-east-1",
    secure: false,
    forcePathStyle: true,
  }),
  bucketName: BUCKET,
  routes: {
    files: route({
      multipleFiles: true,
      maxFiles: 100,
      maxFileSize: GB,
      // Few keys, which are overwritten again and again.
      onBeforeUpload: () => ({ generateObjectInfo: () => ({ key: `better-upload/${made++ % 100}` }) }),
    }),
  },
});

mkdirSync(FOLDER, { recursive: true });
const tus = new Server({ path: "/files", datastore: new FileStore({ directory: FOLDER }) });

const addresses = {
  better: await listen((request, response) => {
    for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
    if (request.method === "OPTIONS") response.writeHead(204).end();
    else void better(request, response);
  }),
  // It has CORS of its own, with a Max-Age of a day.
  tus: `${await listen((request, response) => tus.handle(request, response))}/files`,
};
console.log(JSON.stringify(addresses));
process.stdin.resume().on("end", () => process.exit());
