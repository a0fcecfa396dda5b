// Turn Codex's tokens and sheet, our own sheet, scripts and icons into files with a digest in their name,
// and a manifest that names them.  Everything a page loads comes from here; nothing from another host.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../src/swap/look/static/build');
const wikimedia = join(here, 'node_modules/@wikimedia');
const tokens = (name) => readFileSync(join(wikimedia, 'codex-design-tokens', name), 'utf8');

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const manifest = {};
function put(name, content) {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 10);
  const file = name.replace(/(\.\w+)$/, `.${digest}$1`);
  writeFileSync(join(out, file), content);
  manifest[name] = file;
}

// Dark is the same tokens under two doors: what the system says, unless the person chose; and what the person chose.
const dark = tokens('theme-wikimedia-ui-mode-dark.css');
const under = (selector) => dark.replace(/:root\s*\{/g, `${selector} {`);
if (!/:root\s*\{/.test(dark)) throw new Error('The dark tokens no longer start with :root; look at build.mjs.');
const codex = readFileSync(join(wikimedia, 'codex/dist/codex.style.css'), 'utf8');
const own = (name) => readFileSync(join(here, 'styles', name), 'utf8');
const values = [
  tokens('theme-wikimedia-ui.css'),
  tokens('theme-wikimedia-ui-mode-small.css'),
  `@media (prefers-color-scheme: dark) {\n${under(':root:not([data-mode="light"])')}\n}`,
  under(':root[data-mode="dark"]'),
];
// Codex's own words about itself stay; the comments of 900 tokens need not travel.
const plain = (sheets) => sheets
  .map((sheet) => { const head = sheet.match(/^\/\*[\s\S]*?\*\//)?.[0] ?? ''; return `${head}\n${sheet.slice(head.length).replace(/\/\*[\s\S]*?\*\//g, '').replace(/\n\s*\n+/g, '\n')}`; })
  .join('\n');
put('swap.css', plain([...values, codex, own('look.css'), own('comments.css'), own('forks.css'), own('reports.css')]));

// A notebook's own page loads this and nothing else: of the tokens only those that its sheet, or one of them, names.
const reader = own('reader.css');
const line = /^\s*--([\w-]+):\s*([^;]*);\n/gm;
const needs = new Set();
const need = (text) => { for (const [, name] of text.matchAll(/var\(--([\w-]+)/g)) if (!needs.has(name)) { needs.add(name); for (const sheet of values) for (const [, token, value] of sheet.matchAll(line)) if (token === name) need(value); } };
need(reader);
put('reader.css', plain([...values.map((sheet) => sheet.replace(line, (whole, name) => (needs.has(name) ? whole : ''))), reader]));

for (const name of readdirSync(join(here, 'scripts')).sort()) {
  put(name, readFileSync(join(here, 'scripts', name), 'utf8'));
}

// What draws charts, each with its library in one file: a page without an origin cannot load modules.  How large they
// may become is said here, so that nobody makes readers wait by mistake.
for (const [name, most] of Object.entries({ vegalite: 900_000, plotly: 1_600_000 })) {
  const { outputFiles: [file] } = buildSync({ entryPoints: [join(here, 'charts', `${name}.js`)], bundle: true, minify: true, write: false, format: 'iife', legalComments: 'eof', target: 'es2022', logLevel: 'error' });
  if (file.contents.length > most) throw new Error(`The chart library ${name} has ${file.contents.length} bytes; ${most} are allowed.`);
  put(`chart-${name}.js`, file.contents);
}

// Icons by their short names: cdxIconUserGroup → user-group.
const all = JSON.parse(readFileSync(join(wikimedia, 'codex-icons/dist/codex-icons.json'), 'utf8'));
const icons = {};
for (const [name, icon] of Object.entries(all)) {
  const short = name.replace(/^cdxIcon/, '').replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
  if (!short.startsWith('logo')) icons[short] = typeof icon === 'string' ? icon : icon.default ?? icon.ltr;
}
writeFileSync(join(out, 'icons.json'), JSON.stringify(icons));

// The mark, in the tokens' own colours; a favicon cannot see the page's variables.
const light = tokens('theme-wikimedia-ui.css');
const value = (sheet, name) => {
  const pattern = new RegExp(`--${name}:\\s*(#[0-9a-f]+)`, 'i');
  const found = sheet.match(pattern) || light.match(pattern); // dark names only what differs
  if (!found) throw new Error(`Codex has no --${name} any more; the mark needs it.`);
  return found[1];
};
const rules = (sheet) => `.a{fill:${value(sheet, 'color-progressive')}}.b{fill:${value(sheet, 'color-icon-success')}}.c{fill:${value(sheet, 'color-icon-error')}}`;
put('favicon.svg', `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 22"><style>${rules(light)}@media(prefers-color-scheme:dark){${rules(dark)}}</style>`
  + '<path class="a" d="M1 4.5h13v5H1z"/><circle class="c" cx="18.5" cy="7" r="2.5"/><path class="b" d="M8 12.5h13v5H8z"/><circle class="c" cx="3.5" cy="15" r="2.5"/></svg>\n');

writeFileSync(join(out, 'manifest.json'), JSON.stringify(manifest, null, 1));
console.log(`built ${Object.keys(manifest).length} files into src/swap/look/static/build`);
