// Bundles src/ into the Python package. With --check it only compares, and writes nothing.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const into = here("../src/steepest/static/");

const shared = {
  absWorkingDir: here("."),
  outdir: into,
  write: false,
  metafile: true,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  charset: "utf8",
  legalComments: "none",
  banner: { js: "/* Steepest, MIT. With modules of D3, Copyright Mike Bostock, ISC. */" },
};
// The figure kit is called by the pages it stands in; the lab is a page of its own.
const kit = await build({
  ...shared,
  entryPoints: { steepest: here("src/index.ts"), style: here("src/steepest.css") },
  globalName: "Steepest",
});
const lab = await build({
  ...shared,
  entryPoints: { lab: here("src/lab/index.ts"), "lab-style": here("src/lab/lab.css") },
});
const outputFiles = [...kit.outputFiles, ...lab.outputFiles];
const inputs = { ...kit.metafile.inputs, ...lab.metafile.inputs };

// Whose code is in the bundle, and on what terms.
const packages = new Set(
  Object.keys(inputs).flatMap((path) => path.match(/node_modules\/([^/]+)/)?.[1] ?? []),
);
const terms = await Promise.all(
  [...packages].sort().map(async (name) => {
    const text = await readFile(here(`node_modules/${name}/LICENSE`), "utf8");
    return `${name}\n\n${text.trim()}\n`;
  }),
);
const files = [
  ...outputFiles.map(({ path, contents }) => [
    path.replace("lab-style.css", "lab.css").replace("style.css", "steepest.css"),
    contents,
  ]),
  [`${into}licenses.txt`, Buffer.from(terms.join("\n\n"))],
];

let stale = 0;
for (const [path, contents] of files) {
  if (!process.argv.includes("--check")) {
    await writeFile(path, contents);
    continue;
  }
  const committed = await readFile(path).catch(() => Buffer.alloc(0));
  if (Buffer.compare(committed, contents) !== 0) {
    console.error(
      `${path} is not what the sources give. Build it: npm run build --prefix frontend`,
    );
    stale = 1;
  }
}
process.exitCode = stale;
