/** Pictures, sounds, films and documents, made on the fly and known in every pixel. */
import type { Page } from "playwright-core";
import type { Small } from "./files.ts";

const RATE = 8000;

/** A tone. */
export function wav(name: string, seconds: number): Small {
  const samples = RATE * seconds;
  const buffer = Buffer.alloc(44 + samples);
  buffer.write("RIFF", 0);
  buffer.writeUInt32LE(36 + samples, 4);
  buffer.write("WAVEfmt ", 8);
  // PCM, one channel, a byte a sample.
  buffer.writeUInt32LE(16, 16);
  buffer.writeUInt16LE(1, 20);
  buffer.writeUInt16LE(1, 22);
  buffer.writeUInt32LE(RATE, 24);
  buffer.writeUInt32LE(RATE, 28);
  buffer.writeUInt16LE(1, 32);
  buffer.writeUInt16LE(8, 34);
  buffer.write("data", 36);
  buffer.writeUInt32LE(samples, 40);
  for (let i = 0; i < samples; i++) buffer[44 + i] = 128 + 100 * Math.sin((i / RATE) * 2 * Math.PI * 440);
  return { name, mimeType: "audio/wav", buffer };
}

/** One page, red all over. */
export function pdf(name: string): Small {
  const draw = "1 0 0 rg 0 0 300 400 re f";
  const objects = [
    "<</Type /Catalog /Pages 2 0 R>>",
    "<</Type /Pages /Kids [3 0 R] /Count 1>>",
    "<</Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents 4 0 R>>",
    `<</Length ${draw.length}>>\nstream\n${draw}\nendstream`,
  ];
  let text = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const at = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  const start = text.length;
  text += `xref\n0 5\n0000000000 65535 f \n${offsets.join("")}trailer\n<</Size 5 /Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`;
  return { name, mimeType: "application/pdf", buffer: Buffer.from(text, "latin1") };
}

/** A picture of one colour, drawn by the browser. */
export async function png(page: Page, name: string, colour = "red", [width, height] = [640, 480]): Promise<Small> {
  const data = await page.evaluate(
    ([colour, width, height]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
      return canvas.toDataURL("image/png").split(",")[1] ?? "";
    },
    [colour, width, height] as const,
  );
  return { name, mimeType: "image/png", buffer: Buffer.from(data, "base64") };
}

/** A film of one colour, recorded by the browser. */
export async function webm(page: Page, name: string, colour = "red"): Promise<Small> {
  const bytes = await page.evaluate(async (colour) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
    const chunks: Blob[] = [];
    recorder.ondataavailable = ({ data }) => chunks.push(data);
    const ended = new Promise((resolve) => {
      recorder.onstop = resolve;
    });
    recorder.start();
    for (let frame = 0; frame < 25; frame++) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 320, 240);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    recorder.stop();
    await ended;
    return [...new Uint8Array(await new Blob(chunks).arrayBuffer())];
  }, colour);
  return { name, mimeType: "video/webm", buffer: Buffer.from(bytes) };
}

/** How much of what is to be seen there has about this colour, from 0 to 1. */
export async function share(page: Page, picture: Buffer, [r, g, b]: [number, number, number]): Promise<number> {
  return page.evaluate(
    async ([data, r, g, b]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
      context.drawImage(image, 0, 0);
      const { data: pixels } = context.getImageData(0, 0, image.width, image.height);
      const near = (at: number, wanted: number) => Math.abs((pixels[at] ?? 0) - wanted) < 40;
      let found = 0;
      for (let at = 0; at < pixels.length; at += 4) {
        if (near(at, r) && near(at + 1, g) && near(at + 2, b)) found++;
      }
      return found / (pixels.length / 4);
    },
    [picture.toString("base64"), r, g, b] as const,
  );
}
