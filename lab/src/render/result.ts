/**
 * A result: its first page from the notebook, more pages and sorting from the server by the query's id.
 *
 * Values are text and are set as text.  When the result is gone from the server, the stored page stays.
 */
import { NotebookActions } from '@jupyterlab/notebook';
import { Column, queries, Refused, Row, Stage } from '../api';
import { button, el, icon, safeHref } from '../dom';
import { bytes, count, plural, seconds } from '../format';
import { cellOf } from '../hooks';
import { waterfall } from '../waterfall';
import { SwapRenderer } from './base';
import { asked, chartLine, Filter, label, nextOrder, Order, pages, range, shown, SIZES, Suggested } from './page';
import { downloads, filters } from './tools';

export const RESULT = 'application/vnd.swap.result+json';

interface Result {
  version: number;
  id: string;
  name: string | null;
  rows: number;
  seconds: number;
  source_bytes?: number;
  bytes?: number;
  summary?: string;
  stages?: Stage[];
  notices?: string[];
  home?: string;
  columns: Column[];
  /** What holds the result in the kernel; missing in what an older version saved. */
  variable?: string | null;
  chart?: Suggested | null;
  page: { offset: number; rows: Row[] };
}

const PAGES: [string, 'first' | 'previous' | 'next' | 'last'][] = [
  ['First page', 'first'],
  ['Previous page', 'previous'],
  ['Next page', 'next'],
  ['Last page', 'last']
];

let made = 0;

export class ResultTable extends SwapRenderer {
  private _result!: Result;
  private _rows: Row[] = [];
  private _offset = 0;
  private _total = 0;
  private _order: Order | null = null;
  private _filter: Filter = { contains: '', column: '' };
  private _size = SIZES[0];
  private _gone = '';
  private _busy = false;
  private _next: (() => Promise<void>) | null = null;
  private readonly _table = el('div', { class: 'rt-w', tabindex: 0, role: 'region' });
  private readonly _foot = el('div', { class: 'sq-f' });
  private readonly _said = el('span', { class: 'swap-vh', role: 'status', 'aria-live': 'polite' });
  private readonly _number = ++made;

  protected fill(data: unknown): void {
    this._result = data as Result;
    this._rows = this._result.page.rows;
    this._offset = this._result.page.offset;
    this._total = this._result.rows;
    this._order = null;
    this._filter = { contains: '', column: '' };
    this._size = SIZES[0];
    const notices = this._result.notices ?? [];
    this.node.replaceChildren(
      el(
        'div',
        { class: 'sq' },
        ...this._head(),
        notices.length ? el('ul', { class: 'sq-n' }, ...notices.map(text => el('li', {}, icon('info'), el('span', {}, text)))) : null,
        this._table,
        this._foot,
        this._said
      )
    );
    this._draw();
  }

  private _head(): HTMLElement[] {
    const { name, rows, columns, id } = this._result;
    const facts = [
      seconds(this._result.seconds),
      this._result.source_bytes ? `${bytes(this._result.source_bytes)} read` : '',
      this._result.bytes ? `${bytes(this._result.bytes)} here` : ''
    ];
    const download = downloads(name || 'result', rows, format => queries.download(id, format), () => this._there());
    const filter = filters(columns, chosen => void this._load(0, this._order, chosen));
    const head = el(
      'div',
      { class: 'sq-h' },
      icon('done', 'l-ok', 'done'),
      name ? el('b', {}, name) : null,
      el('span', {}, `${plural(rows, 'row')} × ${plural(columns.length, 'column')}`),
      ...facts.filter(Boolean).map(text => el('span', { class: 's2' }, text)),
      el('span', { class: 'end' }),
      el('span', { class: 'sq-a' }, rows > 1 ? filter.button : null, download.button, this._chartButton())
    );
    return [head, filter.row, download.row];
  }

  /** A chart is one line of Python: the button writes it into the next cell, for the person to change. */
  private _chartButton(): HTMLElement | null {
    const { variable, name, chart } = this._result;
    const source = chartLine(variable === undefined ? name : variable, chart);
    if (!source) {
      return null;
    }
    const node = button('Chart', { icon: 'chart', title: 'Write a chart into a new cell below' });
    node.addEventListener('click', () => {
      const at = cellOf(this.node);
      if (!at) {
        return;
      }
      at.panel.content.activeCellIndex = at.index;
      NotebookActions.insertBelow(at.panel.content);
      at.panel.content.activeCell?.model.sharedModel.setSource(source);
      void NotebookActions.run(at.panel.content, at.panel.sessionContext);
    });
    return node;
  }

  private _draw(): void {
    const focus = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>('[data-swap-focus]')?.dataset.swapFocus;
    const inside = this.node.contains(document.activeElement);
    this._table.setAttribute('aria-label', label(this._result.name, this._offset, this._rows.length, this._total));
    this._table.replaceChildren(
      el('table', { class: 'rt' }, el('thead', {}, this._headRow()), el('tbody', {}, ...this._rows.map((row, index) => this._row(row, index))))
    );
    this._foot.replaceChildren(...this._footer());
    if (inside && focus) {
      this.node.querySelector<HTMLElement>(`[data-swap-focus="${CSS.escape(focus)}"]:not([disabled])`)?.focus();
    }
  }

  private _headRow(): HTMLElement {
    return el(
      'tr',
      {},
      el('th', { class: 'ix num', scope: 'col' }, el('span', { class: 'swap-vh' }, 'row')),
      ...this._result.columns.map((column, index) => {
        const order = this._order?.column === column.name ? (this._order.descending ? 'descending' : 'ascending') : 'none';
        const sort = el(
          'button',
          { type: 'button', class: 'rt-s', 'data-swap-focus': `column-${index}`, title: `Sort by ${column.name}` },
          el('span', { class: 'rt-o', 'aria-hidden': 'true' }, order === 'none' ? '' : order === 'ascending' ? '▲' : '▼'),
          column.name
        );
        sort.addEventListener('click', () => void this._sort(column.name));
        return el(
          'th',
          { scope: 'col', class: column.align === 'right' ? 'num' : null, 'aria-sort': order === 'none' ? null : order },
          sort,
          el('span', { class: 'ty' }, column.type)
        );
      })
    );
  }

  private _row(row: Row, index: number): HTMLElement {
    return el(
      'tr',
      {},
      el('td', { class: 'ix' }, count(this._offset + index + 1)),
      ...row.map((value, at) => {
        const column = this._result.columns[at];
        const node = el('td', { class: column?.align === 'right' ? 'num' : null });
        if (value === null) {
          node.append(el('span', { class: 'nul', title: 'null: no value' }, 'null'));
        } else {
          const { text, title } = shown(value, column);
          node.textContent = text;
          if (title) {
            node.title = title;
          }
        }
        return node;
      })
    );
  }

  private _footer(): HTMLElement[] {
    const to = pages(this._offset, this._total, this._size);
    const buttons = PAGES.map(([label, name]) => {
      const offset = to[name];
      const node = button('', { icon: name, quiet: true, label });
      node.dataset.swapFocus = name;
      node.disabled = offset === null;
      node.addEventListener('click', () => void this._load(offset ?? 0, this._order));
      return node;
    });
    const parts: HTMLElement[] = [el('span', {}, range(this._offset, this._rows.length, this._total, this._result.rows))];
    if (this._total > this._size) {
      parts.push(el('span', { class: 'sq-p', role: 'group', 'aria-label': 'Pages' }, ...buttons));
    }
    if (this._result.rows > SIZES[0]) {
      parts.push(this._sizes());
    }
    if (this._gone) {
      parts.push(el('span', { class: 'sq-g' }, this._gone));
    } else if (this._result.summary) {
      parts.push(el('span', { class: 'sq-s' }, this._result.summary));
    }
    if (this._result.stages?.length) {
      parts.push(this._howItRan());
    }
    return parts;
  }

  private _sizes(): HTMLElement {
    const node = el(
      'select',
      { class: 'sq-c', 'aria-label': 'Rows of a page', 'data-swap-focus': 'size' },
      ...SIZES.map(size => el('option', { value: size, selected: size === this._size }, `${size} rows`))
    );
    node.addEventListener('change', () => {
      this._size = Number(node.value);
      // The first row in sight stays in sight.
      void this._load(Math.floor(this._offset / this._size) * this._size, this._order);
    });
    return node;
  }

  private _howItRan(): HTMLElement {
    const id = `swap-how-${this._number}`;
    const open = this.node.querySelector(`#${id}`);
    const node = el('button', { type: 'button', class: 'sq-l end', 'aria-expanded': String(Boolean(open)), 'aria-controls': id, 'data-swap-focus': 'how' }, 'How it ran');
    node.addEventListener('click', () => {
      const shown = this.node.querySelector(`#${id}`);
      node.setAttribute('aria-expanded', String(!shown));
      if (shown) {
        shown.remove();
        return;
      }
      const home = safeHref(this._result.home);
      this._foot.after(
        el(
          'div',
          { class: 'sq-w', id },
          waterfall(this._result.stages!, this._result.seconds),
          el('p', { class: 's2' }, `Query ${this._result.id}`, home ? ' · ' : null, home ? el('a', { href: new URL('/data', home).href, target: '_blank', rel: 'noopener' }, 'The data it read from') : null)
        )
      );
    });
    return node;
  }

  private async _sort(column: string): Promise<void> {
    await this._load(0, nextOrder(this._order, column));
  }

  private async _load(offset: number, order: Order | null, filter = this._filter): Promise<void> {
    if (this._busy) {
      // Only the last wish counts: whoever types does not wait for every letter.
      this._next = () => this._load(offset, order, filter);
      return;
    }
    this._busy = true;
    this._table.setAttribute('aria-busy', 'true');
    try {
      const page = await queries.page(this._result.id, asked(offset, this._size, order, filter));
      this._rows = page.rows;
      this._offset = page.offset;
      this._total = page.total;
      this._order = order;
      this._filter = filter;
      this._gone = '';
      this._said.textContent = range(this._offset, this._rows.length, this._total, this._result.rows);
    } catch (error) {
      this._tell(error);
    } finally {
      this._busy = false;
      this._table.removeAttribute('aria-busy');
    }
    const next = this._next;
    this._next = null;
    this._draw();
    await next?.();
  }

  /** Ask before a download, so that a result that is gone says so here and not in an empty tab. */
  private async _there(): Promise<boolean> {
    try {
      await queries.page(this._result.id, asked(0, 1, null, { contains: '', column: '' }));
      return true;
    } catch (error) {
      this._tell(error);
      this._draw();
      return false;
    }
  }

  private _tell(error: unknown): void {
    this._gone = whyNot(error);
    this._said.textContent = this._gone;
  }
}

function whyNot(error: unknown): string {
  if (error instanceof Refused && error.status === 404) {
    return 'SWAP no longer keeps this result; these rows are from the notebook. Run the cell again for the rest.';
  }
  return error instanceof Refused ? error.message : 'Your server does not answer. Try again in a moment.';
}
