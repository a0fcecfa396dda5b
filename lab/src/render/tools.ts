/** What unfolds below a result's head: the filter of its rows, and the formats of its download. */
import type { Column } from '../api';
import { button, el, icon, Icon } from '../dom';
import type { Filter } from './page';

/** A quick typist is not asked for at every letter. */
const PAUSE_MS = 250;

interface Tool {
  button: HTMLElement;
  row: HTMLElement;
}

let made = 0;

/** Return a button and the row that it folds and unfolds. */
function tool(text: string, name: Icon, label: string, ...children: (HTMLElement | string)[]): Tool {
  const id = `swap-tool-${++made}`;
  const row = el('div', { class: 'sq-r', id, hidden: true, role: 'group', 'aria-label': label }, ...children);
  const node = button(text, { icon: name, quiet: true });
  node.setAttribute('aria-expanded', 'false');
  node.setAttribute('aria-controls', id);
  node.addEventListener('click', () => {
    row.hidden = !row.hidden;
    node.setAttribute('aria-expanded', String(!row.hidden));
    if (!row.hidden) {
      row.querySelector<HTMLElement>('input, a')?.focus();
    }
  });
  return { button: node, row };
}

/** Return the filter of a result's rows; folded away, it goes on. */
export function filters(columns: Column[], choose: (filter: Filter) => void): Tool {
  const text = el('input', { type: 'search', class: 'sq-c', 'aria-label': 'Text in a row', placeholder: 'Text in a row', maxlength: 1000 });
  const names = [...new Set(columns.map(column => column.name))];
  const column = el('select', { class: 'sq-c', 'aria-label': 'Column' }, el('option', { value: '' }, 'any column'), ...names.map(name => el('option', { value: name }, name)));
  let timer = 0;
  const now = () => {
    window.clearTimeout(timer);
    choose({ contains: text.value, column: column.value });
  };
  text.addEventListener('input', () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(now, PAUSE_MS);
  });
  text.addEventListener('change', now);
  column.addEventListener('change', now);
  return tool('Filter', 'filter', 'Filter the rows', text, 'in', column);
}

const FORMATS: [format: string, label: string][] = [
  ['csv', 'CSV'],
  ['parquet', 'Parquet']
];

/** Return the download of a whole result, `there` being asked first. */
export function downloads(name: string, rows: number, href: (format: string) => string, there: () => Promise<boolean>): Tool {
  const links = FORMATS.map(([format, label]) => {
    const link = el('a', { class: 'sq-b', href: href(format), download: `${name}.${format}`, 'aria-label': `Download ${name} as ${label}` }, icon('download'), label);
    link.addEventListener('click', event => {
      event.preventDefault();
      void there().then(yes => yes && take(link));
    });
    return link;
  });
  return tool('Download', 'download', 'Download the result', rows === 1 ? 'The one row as' : `All ${rows.toLocaleString('en')} rows as`, ...links);
}

function take(link: HTMLAnchorElement): void {
  const real = el('a', { href: link.href, download: link.download });
  document.body.append(real);
  real.click();
  real.remove();
}
