/**
 * Pictures of videos: the first frame, drawn once.
 *
 * A `<video>` per file loads megabytes of each. Here, a video is opened only while its thumbnail is visible, two at a
 * time, and closed as soon as one frame was drawn.
 */

const AT_ONCE = 2;
/** A server that sends nothing must not keep the others waiting. */
const PATIENCE_MS = 15_000;
/** How long the frame at the wanted time is waited for. Then the first one is drawn. */
const SEEK_MS = 2_000;
const WIDTH = 400;

/** The state of a poster: a `blob:` URL, or an empty text if there is none. Absent while it is not known. */
const known = new Map<string, string>();
const waiting = new Map<string, { url: string; done: () => void }>();
/** The files whose posters are being made. A second rendering of the thumbnail must not start another request. */
const running = new Set<string>();

/** The poster of the file, if it is known. */
export function poster(id: string): string | undefined {
  return known.get(id);
}

/** Makes a poster soon, unless it is made already or `forget` is called first. */
export function wanted(id: string, url: string, done: () => void): void {
  if (known.has(id) || waiting.has(id) || running.has(id) || savesData()) return;
  waiting.set(id, { url, done });
  next();
}

/** The thumbnail is not visible any more. */
export function unwanted(id: string): void {
  waiting.delete(id);
}

const savesData = () => (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;

function next(): void {
  if (running.size >= AT_ONCE) return;
  const [first] = waiting;
  if (!first) return;
  const [id, { url, done }] = first;
  waiting.delete(id);
  running.add(id);
  void frame(url)
    .catch(() => "")
    .then((picture) => {
      running.delete(id);
      known.set(id, picture);
      done();
      next();
    });
  next();
}

async function frame(url: string): Promise<string> {
  const video = document.createElement("video");
  // `crossorigin`: otherwise the canvas could not be read.
  Object.assign(video, { crossOrigin: "anonymous", muted: true, preload: "metadata", src: `${url}#t=0.1` });
  try {
    await new Promise((resolve, reject) => {
      // Firefox draws black until it has sought to the fragment's time. Some files cannot be sought in.
      video.addEventListener("seeked", resolve);
      video.addEventListener("loadeddata", () => setTimeout(resolve, video.seeking ? SEEK_MS : 0));
      video.addEventListener("error", reject);
      setTimeout(reject, PATIENCE_MS);
    });
    const width = Math.min(WIDTH, video.videoWidth);
    const height = Math.round((width * video.videoHeight) / video.videoWidth);
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d")?.drawImage(video, 0, 0, width, height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
    return blob ? URL.createObjectURL(blob) : "";
  } finally {
    // Ends the request.
    video.removeAttribute("src");
    video.load();
  }
}
