// Bundles src/ into the Python package. With --check it only compares, and writes nothing.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

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
// What draws without a browser brings the style sheet with it, as text.
const sheet = {
  name: "sheet",
  setup(made) {
    made.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const { code } = await transform(text, {
        loader: "css",
        minify: true,
        target: shared.target,
      });
      return { contents: code, loader: "text" };
    });
  },
};
const still = await build({
  ...shared,
  entryPoints: { still: here("src/still/index.ts") },
  globalName: "Steepest",
  plugins: [sheet],
});
const bundles = [kit, lab, still];

// Whose code is in a bundle, and on what terms.
const modulesOf = ({ metafile }) => {
  const folders = Object.keys(metafile.inputs).flatMap(
    (path) => path.match(/.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? [],
  );
  return Promise.all(
    [...new Set(folders)].sort().map(async (folder) => {
      const text = await readFile(here(`${folder}/LICENSE`), "utf8");
      const { name, version, license } = JSON.parse(
        await readFile(here(`${folder}/package.json`), "utf8"),
      );
      return { name, version, license, text: text.trim() };
    }),
  );
};
// The terms ask to stand in every copy, and a report is one. Those that are alike stand once.
const noticeOf = (modules) => {
  const owner = /^Copyright.*$/m;
  const owners = modules.map(
    ({ name, version, license, text }) => `${name} ${version}, ${license}. ${text.match(owner)[0]}`,
  );
  const terms = new Set(modules.map(({ text }) => text.replace(owner, "").trim()));
  return `/* Steepest, MIT. With modules of D3:\n\n${[owners.join("\n"), ...terms].join("\n\n")}\n*/\n`;
};
const outputs = await Promise.all(
  bundles.map(async (built) => {
    const notice = Buffer.from(noticeOf(await modulesOf(built)));
    return built.outputFiles.map(({ path, contents }) => [
      path.replace("lab-style.css", "lab.css").replace("style.css", "steepest.css"),
      path.endsWith(".js") ? Buffer.concat([notice, contents]) : contents,
    ]);
  }),
);

const all = new Map();
for (const built of bundles) {
  for (const module of await modulesOf(built)) all.set(module.name, module);
}
const modules = [...all.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
const licenses = modules.map(
  ({ name, version, license, text }) => `${name} ${version}, ${license}\n\n${text}\n`,
);
const bom = {
  bomFormat: "CycloneDX",
  specVersion: "1.6",
  version: 1,
  metadata: { component: { type: "library", name: "steepest-figures" } },
  components: modules.map(({ name, version, license }) => ({
    type: "library",
    name,
    version,
    licenses: [{ license: { id: license } }],
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
  })),
};
const files = [
  ...outputs.flat(),
  [`${into}licenses.txt`, Buffer.from(licenses.join("\n\n"))],
  [`${into}bundle.cdx.json`, Buffer.from(`${JSON.stringify(bom, null, 2)}\n`)],
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
