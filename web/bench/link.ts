/** A link with latency and a limited upload, as a TCP proxy in front of an HTTP proxy. */

import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface Link {
  /** For `proxy.server` of a browser context. */
  url: string;
  stop(): Promise<void>;
}

/** `delayMs` each way, and `upload` bytes per second for all connections together. */
export async function link(target: string, delayMs: number, upload: number): Promise<Link> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  // When the uplink is free again.
  let free = 0;
  const server: Server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    const [up, down] = [inOrder(), inOrder()];
    // The handshake of TCP takes a round trip before the first byte.
    const opened = Date.now() + 2 * delayMs;
    near.on("data", (chunk) => {
      const now = Math.max(Date.now(), opened);
      free = Math.max(free, now) + (1000 * chunk.length) / upload;
      const wait = free - Date.now();
      // What the link has not sent yet stays with the sender.
      if (wait > 20) {
        near.pause();
        setTimeout(() => near.resume(), wait - 10);
      }
      up(free + delayMs, () => far.write(chunk));
    });
    far.on("data", (chunk) => down(Date.now() + delayMs, () => near.write(chunk)));
    near.on("end", () => up(Date.now() + delayMs, () => far.end()));
    far.on("end", () => down(Date.now() + delayMs, () => near.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Runs what it is given at its time, and never before what was given earlier. Timers alone do not promise that. */
function inOrder(): (at: number, work: () => void) => void {
  let last: Promise<void> = Promise.resolve();
  return (at, work) => {
    last = last.then(() => new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())))).then(work);
  };
}
