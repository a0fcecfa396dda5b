/** The panel "Data": what there is to ask, beside the notebook that asks it. */
import { Widget } from '@lumino/widgets';
import { Refused } from '../api';
import { button, el, icon } from '../dom';
import { count, plural } from '../format';
import { Column, columns, find, lockText, Part, schemas, Source, sources, Table, tablesOf } from './catalog';
import type { Name } from './insert';
import { Row, Tree } from './tree';

/** How long after a letter the catalog is asked. */
const TYPING_MS = 250;

const KEYS = 'Enter or + puts a name into the cell; you can drag it there, too. → and ← open and close.';
const NOTHING = 'No source is open to you. Rights come with groups; ask the people who run SWAP.';

export class DataPanel extends Widget {
  private readonly search = el('input', { type: 'search', class: 'dp-q', placeholder: 'Tables and columns', 'aria-label': 'Search tables and columns in all sources', autocomplete: 'off', spellcheck: 'false' });
  private readonly again = button('', { icon: 'again', quiet: true, label: 'Ask the catalog again', title: 'Ask the catalog again' });
  private readonly said = el('div', { class: 'dp-said', role: 'status' });
  private readonly looked = el('p', { class: 'dp-k' }, KEYS);
  private readonly tree = new Tree('Data you may query', told, hint => (this.looked.textContent = hint || KEYS));
  private asked = 0;
  private typing = 0;

  /** `put` puts a name into the cell at hand, and returns what came of it. */
  constructor(private readonly put: (name: Name) => string) {
    super();
    this.id = 'swap-data';
    this.title.caption = 'Data you may query';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Data');
    const head = el('div', { class: 'dp-h' }, el('h2', {}, 'Data'), this.again);
    this.node.append(head, el('div', { class: 'dp-f' }, icon('search'), this.search), this.said, el('div', { class: 'dp-w' }, this.tree.node), this.looked);
    this.search.addEventListener('input', () => {
      window.clearTimeout(this.typing);
      this.typing = window.setTimeout(() => void this.refresh(), TYPING_MS);
    });
    this.search.addEventListener('keydown', event => this.leaveSearch(event));
    this.again.addEventListener('click', () => void this.refresh());
  }

  /** Show the sources, or what is searched for. */
  async refresh(): Promise<void> {
    const mine = ++this.asked;
    const text = this.search.value.trim();
    const waiting = window.setTimeout(() => this.say('Asking the catalog…'), 300);
    try {
      const part = text ? await found(text, this.named) : await allSources(this.named);
      if (mine === this.asked) {
        this.tree.show(this.tree.rows(part, 1));
        this.say(text ? counted(text, part) : part.items.length ? '' : NOTHING);
      }
    } catch (error) {
      if (mine === this.asked) {
        this.tree.show([]);
        this.say(told(error), 'Try again');
      }
    } finally {
      window.clearTimeout(waiting);
    }
  }

  protected onAfterShow(): void {
    if (!this.asked) {
      void this.refresh();
    }
  }

  private readonly named = (name: Name): void => this.say(this.put(name));

  private say(text: string, action = ''): void {
    const link = action ? el('button', { type: 'button', class: 'sq-l' }, action) : null;
    link?.addEventListener('click', () => void this.refresh());
    this.said.replaceChildren(text, ...(link ? [' ', link] : []));
  }

  private leaveSearch(event: KeyboardEvent): void {
    const first = this.tree.node.querySelector<HTMLElement>('[tabindex="0"]');
    if (event.key === 'ArrowDown' && first) {
      event.preventDefault();
      first.focus();
    } else if (event.key === 'Escape' && this.search.value) {
      this.search.value = '';
      void this.refresh();
    }
  }
}

function counted(text: string, part: Part<Row>): string {
  if (!part.items.length) {
    return `No table has “${text}” in its name, its columns or its comment.`;
  }
  return part.more ? `The first ${plural(part.items.length, 'table')} with “${text}”` : `${plural(part.items.length, 'table')} with “${text}”`;
}

type Use = (name: Name) => void;

function told(error: unknown): string {
  return error instanceof Refused ? error.message : 'Your server does not answer.';
}

function each<T>(part: Part<T>, row: (item: T) => Row): Part<Row> {
  const { more } = part;
  return { items: part.items.map(row), more: more && (async () => each(await more(), row)) };
}

async function allSources(use: Use): Promise<Part<Row>> {
  return { items: (await sources()).map(source => ofSource(source, use)), more: null };
}

async function found(text: string, use: Use): Promise<Part<Row>> {
  return each(await find(text), table => ofTable(table, use, true));
}

function ofSource(source: Source, use: Use): Row {
  const counted = source.tables.readable < source.tables.visible ? `${count(source.tables.readable)} of ${count(source.tables.visible)}` : count(source.tables.visible);
  return {
    label: source.name,
    aside: source.up ? counted : 'down',
    icon: source.up ? undefined : { name: 'down', label: 'does not answer now' },
    hint: `${source.title}, ${plural(source.tables.readable, 'table')} for you`,
    below: {
      asking: `Asking for the schemas of ${source.name}…`,
      ask: async () =>
        each(await schemas(source.name), schema => ({
          label: schema.name,
          aside: count(schema.visible),
          icon: schema.readable ? undefined : { name: 'lock', label: 'locked' },
          below: { asking: `Asking for the tables of ${schema.name}…`, ask: async () => each(await tablesOf(source.name, schema.name), table => ofTable(table, use, false)) }
        }))
    }
  };
}

function ofTable(table: Table, use: Use, alone: boolean): Row {
  const put = () => use({ written: table.written, kind: 'table' });
  const where = alone ? `${table.source}.${table.schema}${table.matched.length ? ` · has ${table.matched.join(', ')}` : ''}` : '';
  return {
    label: table.table,
    icon: table.readable ? undefined : { name: 'lock', label: 'locked' },
    note: [where, table.readable ? '' : lockText(table)].filter(Boolean).join('. ') || undefined,
    hint: table.comment || undefined,
    below: { asking: `Asking for the columns of ${table.table}…`, ask: async () => ({ items: (await columns(table)).map(column => ofColumn(column, use)), more: null }) },
    ...(table.readable ? { use: put, drag: table.written, button: { label: `Put ${table.name} into the cell`, press: put } } : {})
  };
}

function ofColumn(column: Column, use: Use): Row {
  return {
    label: column.name,
    aside: column.type,
    icon: column.readable ? undefined : { name: 'lock', label: 'locked' },
    note: [column.partition ? 'Partition column.' : '', column.readable ? '' : lockText(column)].filter(Boolean).join(' ') || undefined,
    hint: column.comment || undefined,
    ...(column.readable ? { use: () => use({ written: column.written, kind: 'column' }), drag: column.written } : {})
  };
}
