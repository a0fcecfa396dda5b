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
import { asked, chartLine, FIRST, label, nextOrder, pages, range, shown, SIZES, Suggested, View } from './page';
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
  private _total = 0;
  private _shown: View = FIRST;
  private _wished: View = FIRST;
  private _gone = '';
  private _busy = false;
  private readonly _table = el('div', { class: 'rt-w', tabindex: 0, role: 'region' });
  private readonly _foot = el('div', { class: 'sq-f' });
  private readonly _said = el('span', { class: 'swap-vh', role: 'status', 'aria-live': 'polite' });
  private readonly _number = ++made;

  protected fill(data: unknown): void {
    this._result = data as Result;
    this._rows = this._result.page.rows;
    this._shown = this._wished = { ...FIRST, offset: this._result.page.offset };
    this._total = this._result.rows;
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
    const filter = filters(columns, filter => void this._load({ filter, offset: 0 }));
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
    this._table.setAttribute('aria-label', label(this._result.name, this._shown.offset, this._rows.length, this._total));
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
        const order = this._shown.order?.column === column.name ? (this._shown.order.descending ? 'descending' : 'ascending') : 'none';
        const sort = el(
          'button',
          { type: 'button', class: 'rt-s', 'data-swap-focus': `column-${index}`, title: `Sort by ${column.name}` },
          el('span', { class: 'rt-o', 'aria-hidden': 'true' }, order === 'none' ? '' : order === 'ascending' ? '▲' : '▼'),
          column.name
        );
        sort.addEventListener('click', () => void this._load({ order: nextOrder(this._wished.order, column.name), offset: 0 }));
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
      el('td', { class: 'ix' }, count(this._shown.offset + index + 1)),
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
    const to = pages(this._shown.offset, this._total, this._shown.size);
    const buttons = PAGES.map(([label, name]) => {
      const offset = to[name];
      const node = button('', { icon: name, quiet: true, label });
      node.dataset.swapFocus = name;
      node.disabled = offset === null;
      node.addEventListener('click', () => this._turn(offset ?? 0));
      return node;
    });
    const parts: HTMLElement[] = [el('span', {}, range(this._shown.offset, this._rows.length, this._total, this._result.rows))];
    if (this._total > this._shown.size) {
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
      ...SIZES.map(size => el('option', { value: size, selected: size === this._shown.size }, `${size} rows`))
    );
    node.addEventListener('change', () => {
      const size = Number(node.value);
      // The first row in sight stays in sight.
      this._turn(Math.floor(this._shown.offset / size) * size, size);
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

  /** Show another page of the rows in sight; where others are on their way, the first page of those. */
  private _turn(offset: number, size = this._wished.size): void {
    const { order, filter } = this._wished;
    void this._load({ size, offset: order === this._shown.order && filter === this._shown.filter ? offset : 0 });
  }

  /** Show what is wished.  Wishes add up, and whoever types does not wait for every letter: the last is asked for. */
  private async _load(wish: Partial<View>): Promise<void> {
    this._wished = { ...this._wished, ...wish };
    if (this._busy) {
      return;
    }
    this._busy = true;
    this._table.setAttribute('aria-busy', 'true');
    try {
      while (this._wished !== this._shown) {
        await this._ask(this._wished);
        this._draw();
      }
    } finally {
      this._busy = false;
      this._table.removeAttribute('aria-busy');
    }
  }

  private async _ask(wished: View): Promise<void> {
    try {
      const page = await queries.page(this._result.id, asked(wished));
      this._rows = page.rows;
      this._total = page.total;
      this._shown = { ...wished, offset: page.offset };
      this._gone = '';
      this._said.textContent = range(this._shown.offset, this._rows.length, this._total, this._result.rows);
    } catch (error) {
      this._tell(error);
    }
    if (this._wished === wished) {
      // Also after a failure: what cannot be had is no wish any more.
      this._wished = this._shown;
    }
  }

  /** Ask before a download, so that a result that is gone says so here and not in an empty tab. */
  private async _there(): Promise<boolean> {
    try {
      await queries.page(this._result.id, asked({ ...FIRST, size: 1 }));
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
