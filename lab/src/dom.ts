/** Small helpers that build nodes from text only: nothing here takes HTML, so an untrusted notebook is safe. */

type Child = Node | string | null | undefined | false;

/** Make an element; attributes that are null or false are left out, text is text. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  node.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Codex icons (CC BY-SA / MIT, Wikimedia), by their paths. */
const PATHS = {
  done: ['M10 1a9 9 0 110 18 9 9 0 010-18M8.823 11.118 6.8 9.6l-1.2 1.6 2.8 2.1 1.381-.175 4.624-5.781-1.561-1.25z'],
  close: [
    'M16.707 4.707 11.414 10l5.293 5.293-1.414 1.414L10 11.414l-5.293 5.293-1.414-1.414L8.586 10 3.293 4.707l1.414-1.414L10 8.586l5.293-5.293z'
  ],
  error: ['M19 6.4v7.199L13.6 19H6.4L1 13.599v-7.2L6.4 1h7.2zM9 14v2h2v-2zm0-9v7h2V5z'],
  lock: ['M11 15H9v-3h2z', 'M10 1a4 4 0 014 4v3h3v11H3V8h3V5a4 4 0 014-4M5 17h10v-7H5zm5-14a2 2 0 00-2 2v3h4V5a2 2 0 00-2-2'],
  down: [
    'm19.254 17.84-1.414 1.414-8.234-8.234c-1.438.137-2.774 1.016-3.72 2.453L4.45 12.035c.9-1.237 2.1-2.197 3.489-2.683L5.674 7.088c-1.267.67-2.407 1.63-3.356 2.816L.896 8.482a12.9 12.9 0 013.31-2.862L.871 2.285 2.285.871z',
    'M10 14a1.5 1.5 0 110 3 1.5 1.5 0 010-3m0-10c3.611 0 6.832 1.742 9.095 4.473l-1.422 1.422c-1.89-2.357-4.53-3.814-7.428-3.892L8.363 4.12A11 11 0 0110 4'
  ],
  again: ['M10 1a8.98 8.98 0 016.999 3.343L17 2h2v5l-1 1h-5l-.001-2h2.746a7 7 0 101.184 5h2.016A9 9 0 1110 1'],
  clock: ['M10.5 10h4v2h-6V5.5h2z', 'M10 1a9 9 0 110 18 9 9 0 010-18m0 2a7 7 0 100 14 7 7 0 000-14'],
  download: [
    'M19 19H1v-2h18zm-8-7.104 3.5-3.5 1.414 1.414-5.207 5.208H9.293L4.086 9.81 5.5 8.396l3.5 3.5V1h2z'
  ],
  chart: ['M3 17h16v2H1V1h2z', 'M7 15H5v-4h2zm4 0H9V5h2zm4 0h-2V9h2zm4 0h-2V3h2z'],
  table: ['M19 18H1V2h18zm-8-2h6v-3h-6zm-8 0h6v-3H3zm8-5h6V8h-6zm-8 0h6V8H3zm0-5h14V4H3z'],
  first: ['M6 17H4V3h2zM16.417 4.707 11.124 10l5.293 5.293-1.414 1.414-6-6V9.293l6-6z'],
  previous: ['M13.417 4.707 8.124 10l5.293 5.293-1.414 1.414-6-6V9.293l6-6z'],
  next: ['M14 9.293v1.414l-5.982 6-1.415-1.414L11.896 10 6.603 4.707l1.414-1.414z'],
  last: ['M16 17h-2V3h2zm-5-7.707v1.414l-5.993 6-1.414-1.414L8.886 10 3.593 4.707l1.414-1.414z'],
  filter: ['M1 3h18v2H1zm3 6h12v2H4zm3 6h6v2H7z'],
  add: ['M11 9h7v2h-7v7H9v-7H2V9h7V2h2z'],
  database: [
    'M18 20H2V0h16zM4 18h12v-4H4zm0-6h12V8H4zm0-6h12V2H4z',
    'M6 4a1 1 0 112 0 1 1 0 01-2 0m0 6a1 1 0 112 0 1 1 0 01-2 0m0 6a1 1 0 112 0 1 1 0 01-2 0'
  ],
  search: ['M8 1a7 7 0 015.605 11.191l5.102 5.102-1.414 1.414-5.102-5.102A7 7 0 118 1m0 2a5 5 0 100 10A5 5 0 008 3'],
  group: [
    'M7 10c.91 0 1.764.244 2.5.67A5 5 0 0112 10h3a5 5 0 015 5v2H0v-2a5 5 0 015-5zm5 2q-.473.002-.901.138c.567.81.901 1.797.901 2.862h6a3 3 0 00-3-3zm1.5-9a3 3 0 110 6 3 3 0 010-6m0 2a1 1 0 100 2 1 1 0 000-2',
    'M6 3a3 3 0 110 6 3 3 0 010-6'
  ],
  info: ['M10 1a9 9 0 110 18 9 9 0 010-18m1 8H9v6h2zm0-4H9v2h2z']
};
export type Icon = keyof typeof PATHS;

/** Return an icon: decoration when it has no label, an image otherwise. */
export function icon(name: Icon, colour = '', label = ''): HTMLElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  for (const path of PATHS[name]) {
    const node = document.createElementNS(SVG, 'path');
    node.setAttribute('d', path);
    svg.append(node);
  }
  const shell = el('span', label ? { class: `swap-i ${colour}`, role: 'img', 'aria-label': label } : { class: `swap-i ${colour}`, 'aria-hidden': 'true' });
  shell.append(svg);
  return shell;
}

/** Return a ring: turning while something runs, still before. */
export function ring(running: boolean): HTMLElement {
  return el('span', { class: running ? 'swap-ring swap-ring--on' : 'swap-ring', role: 'img', 'aria-label': running ? 'running' : 'not started' });
}

/** Return a button. */
export function button(text: string, options: { icon?: Icon; quiet?: boolean; label?: string; title?: string } = {}): HTMLButtonElement {
  return el(
    'button',
    { type: 'button', class: options.quiet ? 'sq-b sq-b--q' : 'sq-b', 'aria-label': options.label, title: options.title },
    options.icon ? icon(options.icon) : null,
    text
  );
}

/** Only http(s) addresses become links; anything else stays text. */
export function safeHref(href: string | null | undefined, base?: string): string | null {
  if (!href) {
    return null;
  }
  try {
    const url = new URL(href, base || undefined);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

/** Return the parts of a text, those in backquotes told apart and without them. */
export function spans(text: string): { text: string; code: boolean }[] {
  return text.split(/(`[^`\n]+`)/).map(part => (/^`.+`$/.test(part) ? { text: part.slice(1, -1), code: true } : { text: part, code: false }));
}

/** Return text with `code` in backquotes set as code. */
export function prose(text: string): (Node | string)[] {
  return spans(text).map(({ text, code }) => (code ? el('code', {}, text) : text));
}
