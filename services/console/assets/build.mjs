// Builds the console's style sheet from the class names that templates and scripts use.
// node build.mjs SOURCES TEMPLATES MODULES OUT
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [sources, templates, modules, out] = process.argv.slice(2).map((path) => resolve(path));
const module = (path) => import(pathToFileURL(join(modules, path)).href);
const { compile } = await module("tailwindcss/dist/lib.mjs");

async function candidates() {
  const names = (await readdir(templates, { recursive: true })).filter((name) => name.endsWith(".html"));
  const files = [...names.map((name) => join(templates, name)), join(sources, "app.js"), join(sources, "app.css")];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return [...new Set(texts.flatMap((text) => text.match(/[^\s"'`<>={}]+/g) ?? []))];
}

async function loadStylesheet(id, base) {
  const path = id === "tailwindcss" ? join(modules, "tailwindcss/index.css") : resolve(base, id);
  return { path, base, content: await readFile(path, "utf8") };
}

async function loadModule(id, base) {
  const path = `${id}/index.js`;
  return { path, base, module: (await module(path)).default };
}

const css = await readFile(join(sources, "app.css"), "utf8");
const compiler = await compile(css, { base: sources, loadStylesheet, loadModule });
await writeFile(join(out, "app.css"), compiler.build(await candidates()).replace(/\n\s*/g, "\n"));
