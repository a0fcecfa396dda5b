/** The sections of the panel: lists of text and links, made of what SWAP tells. */
import { el } from '../dom';
import { plural } from '../format';
import { byCell, count, madeBy, may, named, Reader, sees, Thread, Told, Version } from './model';

/** Where the pages of the portal are, and what the panel does in JupyterLab. */
export interface Ways {
  /** A page about the notebook by its id. */
  page: (step?: string, query?: Record<string, string>) => string;
  /** A page about another notebook. */
  of: (notebook: string) => string;
  /** A page of its history, by its path. */
  history: (step?: string, query?: Record<string, string>) => string;
  /** A table's page. */
  table: (name: string[]) => string;
  /** The ids of the cells, in their order. */
  cells: () => string[];
  jump: (place: number) => void;
  /** The id of the cell at which its person is. */
  active: () => string;
}

type Part = Node | string | null | false;

export function draw(told: Told, ways: Ways): HTMLElement[] {
  return [
    section('History', history(told, ways)),
    section('Comments', comments(told, ways)),
    section('Shared with', readers(told, ways)),
    section('Origin and forks', forks(told, ways)),
    section('Data it reads', tables(told, ways))
  ];
}

/** Return a moment as its reader knows it. */
export function moment(at: string): string {
  return new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}

function day(at: string): string {
  return new Date(at).toLocaleDateString([], { dateStyle: 'medium' });
}

function section(title: string, parts: Part[]): HTMLElement {
  const id = `swap-beside-${title.replaceAll(' ', '-').toLowerCase()}`;
  return el('section', { 'aria-labelledby': id }, el('h3', { id }, title), ...parts);
}

function link(href: string, ...parts: (Node | string)[]): HTMLElement {
  return el('a', { href, target: '_blank', rel: 'noopener' }, ...parts);
}

function small(...parts: Part[]): HTMLElement {
  return el('p', { class: 'bs-s' }, ...parts);
}

function history({ history, version, at, owner, name }: Told, ways: Ways): Part[] {
  if (!history) {
    return [small(`Version ${version}, saved by ${owner}, ${moment(at)}. Its history is its owner's.`)];
  }
  const row = (each: Version) => {
    const changes = link(ways.history('changes', { new: String(each.number) }), `Version ${each.number}`);
    changes.setAttribute('aria-label', `What changed in version ${each.number} of ${name}`);
    const restore = each.number === version ? null : link(ways.history('restore', { version: String(each.number) }), 'Restore');
    restore?.setAttribute('aria-label', `Restore version ${each.number}`);
    const how = [`${each.author}, ${moment(each.at)}`, madeBy(each), each.folded ? `${plural(each.folded, 'save')} before it` : ''];
    return el('li', {}, el('div', { class: 'bs-r' }, changes, each.name && el('b', {}, each.name), restore), small(how.filter(Boolean).join(', ')));
  };
  return [el('ul', {}, ...history.versions.slice(0, 8).map(row)), link(ways.history(), history.more || history.versions.length > 8 ? 'All versions' : 'Open the history')];
}

function comments({ comments: { threads, total }, comments_allowed }: Told, ways: Ways): Part[] {
  const cells = ways.cells();
  const groups = byCell(threads, cells).map(({ place, threads }) => {
    const where = place === null ? 'A cell that is gone' : place ? `Cell ${place}` : 'The notebook';
    const jump = place ? el('button', { type: 'button', class: 'sq-l', 'aria-label': `Go to cell ${place}` }, where) : el('span', {}, where);
    jump.addEventListener('click', () => place && ways.jump(place));
    return el('li', {}, el('div', { class: 'bs-r' }, jump), ...threads.map(each => thread(each, ways)));
  });
  const add = link(ways.page('comments'), 'Comment');
  // The cell is the one of the moment at which it is followed.
  add.addEventListener('click', () => add.setAttribute('href', ways.page('comments', { cell: ways.active() })));
  const resolved = total - threads.length;
  return [
    groups.length ? el('ul', {}, ...groups) : small('Nothing is open.'),
    resolved > 0 && small(`${plural(resolved, 'other thread')}, resolved or older.`),
    comments_allowed ? add : link(ways.page('comments'), 'All comments')
  ];
}

function thread({ thread, comments, left_out }: Thread, ways: Ways): HTMLElement {
  const said: HTMLElement[] = comments.map(each => el('p', {}, el('b', {}, each.author), ` ${each.text || 'deleted'}`));
  if (left_out) {
    said.splice(1, 0, small(`${plural(left_out, 'comment')} between`));
  }
  const reply = link(ways.page('comments', { thread }), 'Reply');
  return el('div', { class: 'bs-t' }, ...said, small(moment(comments[comments.length - 1].at), ' ', reply));
}

function readers({ readers, more_readers, outputs, hidden, owner }: Told, ways: Ways): Part[] {
  if (!readers) {
    return [small(`${owner} shares this with you; you see ${sees(outputs - hidden, outputs).replace(/^sees /, '') || 'all of it'}.`)];
  }
  const row = (each: Reader) => el('li', {}, el('div', { class: 'bs-r' }, el('b', {}, named(each))), small(may(each, outputs, day)));
  return [
    readers.length ? el('ul', {}, ...readers.map(row)) : small('Nobody but you.'),
    more_readers && small('And more.'),
    link(ways.page('share'), readers.length ? 'Change' : 'Share')
  ];
}

function forks({ origin, changed, waiting, forks, more_forks }: Told, ways: Ways): Part[] {
  const from = origin && (origin.notebook ? link(ways.of(origin.notebook), `${origin.name} of ${origin.owner}`) : 'a notebook that you may not open');
  return [
    from && el('p', {}, 'Forked from ', from, `, version ${origin!.version}.`),
    changed > 0 && el('p', {}, link(ways.page('origin'), `${plural(changed, 'cell')} changed there since`)),
    waiting > 0 && el('p', {}, link(ways.page('suggestions'), `${plural(waiting, 'suggestion')} to look at`)),
    small(`${count(forks, more_forks)} that you may open. `, forks > 0 && link(ways.page('forks'), 'Show them'))
  ];
}

function tables({ tables, other_tables }: Told, ways: Ways): Part[] {
  const rows = tables.map(name => el('li', {}, link(ways.table(name), name.join('.'))));
  return [
    rows.length ? el('ul', { class: 'bs-d' }, ...rows) : null,
    other_tables && small(rows.length ? 'And data that you may not know of.' : 'Data that you may not know of.'),
    !rows.length && !other_tables && small('Its outputs come from no table that is known.')
  ];
}
