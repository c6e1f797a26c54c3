/** The code samples of a Markdown page, with the heading above each. */
import { readFile } from "node:fs/promises";

export interface Sample {
  heading: string;
  language: string;
  code: string;
}

export async function samples(page: URL): Promise<Sample[]> {
  const found: Sample[] = [];
  let heading = "";
  let open: Sample | undefined;
  for (const line of (await readFile(page, "utf8")).split("\n")) {
    const fence = /^```(\w*)/.exec(line);
    if (fence && open) open = undefined;
    else if (fence) {
      open = { heading, language: fence[1] ?? "", code: "" };
      found.push(open);
    } else if (open) open.code += `${line}\n`;
    else if (line.startsWith("#")) heading = line.replace(/^#+ */, "");
  }
  return found;
}
