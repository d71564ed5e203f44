// Bundles src/ into the Python package. With --check it only compares, and writes nothing.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const into = here("../src/steepest/static/");

const { outputFiles } = await build({
  entryPoints: { steepest: here("src/index.ts"), "steepest-style": here("src/steepest.css") },
  outdir: into,
  write: false,
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "Steepest",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  charset: "utf8",
  legalComments: "none",
});

let stale = 0;
for (const file of outputFiles) {
  const path = file.path.replace("steepest-style.css", "steepest.css");
  if (!process.argv.includes("--check")) {
    await writeFile(path, file.contents);
    continue;
  }
  const committed = await readFile(path).catch(() => Buffer.alloc(0));
  if (Buffer.compare(committed, file.contents) !== 0) {
    console.error(`${path} is not what the sources give. Build it: npm run build --prefix frontend`);
    stale = 1;
  }
}
process.exitCode = stale;
