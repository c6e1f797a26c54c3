/** Run by `npm pack` in the folder of a package: builds it, and puts what belongs into every archive next to it. */
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";

// Files of an earlier build would be packed as well.
rmSync("dist", { recursive: true, force: true });
execFileSync("npm", ["run", "build"], { stdio: ["ignore", "ignore", "inherit"] });
// One version and one changelog cover the functions, the template and the packages.
for (const name of ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"]) {
  copyFileSync(resolve(new URL(".", import.meta.url).pathname, "..", name), name);
}
