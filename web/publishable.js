/**
 * Run by `npm publish`, also with `--dry-run`, in the folder of a package: refuses placeholders. npm compares
 * `repository` with the provenance, and the address of a fork is not known here.
 */
import { readFileSync } from "node:fs";

const { homepage, bugs, repository } = JSON.parse(readFileSync("package.json", "utf8"));
const left = Object.entries({ homepage, bugs, repository: repository?.url }).filter(([, url]) =>
  /^$|slipway\.example/.test(url ?? ""),
);
if (left.length > 0) {
  const names = left.map(([name]) => name).join(", ");
  console.error(`package.json: set ${names} to the public address of your repository, in every package.`);
  process.exit(1);
}
