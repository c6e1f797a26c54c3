/** The network of the browser: an HTTP proxy that counts requests and fails on demand. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that the proxy has seen. */
export interface Passed {
  method: string;
  url: URL;
  /** Bytes of its body that the proxy has seen. */
  bytes: number;
  /** The status of the answer; undefined if the connection was cut. */
  status?: number;
}

/** What to do with a request: `cut` it after that many bytes, send it to another `url`, `answer` it here, or `hold` it. */
export type Fault = { cut: number } | { url: string } | { answer: number } | "hold" | undefined;

export class Network {
  readonly log: Passed[] = [];
  fault: (passing: Passed) => Fault = () => undefined;
  /** The most bytes per second that each request sends. */
  pace = Number.POSITIVE_INFINITY;
  #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Network> {
    const server = createServer();
    const network = new Network(server);
    server.on("request", (incoming, outgoing) => network.#pass(incoming, outgoing));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** PUTs that S3 has accepted. */
  get taken(): Passed[] {
    return this.log.filter(({ method, status }) => method === "PUT" && status === 200);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    // A request to a proxy has an absolute URL.
    const url = new URL(incoming.url ?? "");
    const passed: Passed = { method: incoming.method ?? "GET", url, bytes: 0 };
    this.log.push(passed);
    const fault = this.fault(passed);
    if (fault === "hold") {
      incoming.on("error", () => undefined).resume();
      return;
    }
    if (fault && "answer" in fault) {
      incoming.resume();
      const headers = { "Access-Control-Allow-Origin": "*", "Content-Type": "application/json" };
      outgoing.writeHead(fault.answer, headers).end('{"message":"Service Unavailable"}');
      passed.status = fault.answer;
      return;
    }
    const left = fault && "cut" in fault ? fault.cut : Number.POSITIVE_INFINITY;
    const target = fault && "url" in fault ? new URL(fault.url) : url;
    const options = { method: passed.method, headers: incoming.headers, host: "127.0.0.1", port: target.port };
    const onward = request({ ...options, path: target.pathname + target.search }, (answer) => {
      passed.status = answer.statusCode;
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    const cut = () => {
      onward.destroy();
      incoming.destroy();
      outgoing.destroy();
    };
    onward.on("error", cut);
    incoming.on("error", cut);
    outgoing.on("close", () => onward.destroy());
    if (left === 0) {
      cut();
      return;
    }
    incoming.on("data", (chunk: Buffer) => {
      passed.bytes += chunk.length;
      if (passed.bytes >= left) return cut();
      const full = !onward.write(chunk);
      const wait = (1000 * chunk.length) / this.pace;
      if (!full && wait === 0) return;
      incoming.pause();
      if (full) onward.once("drain", () => setTimeout(() => incoming.resume(), wait));
      else setTimeout(() => incoming.resume(), wait);
    });
    incoming.on("end", () => onward.end());
  }
}
