/** What a result's table shows: its page, its cells' text, its order, and the line that draws it. */
import type { Column } from '../api';
import { count, grouped, plural } from '../format';

/** Rows of one page: the first is what a notebook holds. */
export const SIZES = [10, 25, 50, 100];
/** Characters of a cell; the rest is one hover away, or in the file. */
const LONG = 300;
const LONG_TITLE = 2000;
/** Characters that a column shows without cutting them. */
const WIDE = 60;

export interface Order {
  column: string;
  descending: boolean;
}

/** Which rows of a result are shown: those with a text in them, in one column or in any. */
export interface Filter {
  contains: string;
  column: string;
}

/** Return which rows are shown, of how many; `all` are those of the result, when a filter leaves fewer. */
export function range(offset: number, rows: number, total: number, all = total): string {
  if (all !== total) {
    return total ? `${count(offset + 1)}–${count(offset + rows)} of ${count(total)} that match, of ${count(all)}` : `None of ${plural(all, 'row')} matches`;
  }
  return total ? `${count(offset + 1)}–${count(offset + rows)} of ${count(total)}` : 'No rows';
}

/** Which page of a result: how many rows from which on, in which order, of those that a filter leaves. */
export interface View {
  offset: number;
  size: number;
  order: Order | null;
  filter: Filter;
}

export const FIRST: View = { offset: 0, size: SIZES[0], order: null, filter: { contains: '', column: '' } };

/** Return what to ask the server for a page. */
export function asked({ offset, size, order, filter }: View): Record<string, string> {
  return {
    offset: String(offset),
    limit: String(size),
    ...(order ? { sort: order.column, descending: String(order.descending) } : {}),
    ...(filter.contains ? { contains: filter.contains, ...(filter.column ? { column: filter.column } : {}) } : {})
  };
}

/** Return what a table is called for somebody who cannot see it. */
export function label(name: string | null, offset: number, rows: number, total: number): string {
  return `Result ${name ?? ''}, ${total ? `rows ${offset + 1} to ${offset + rows}` : 'no rows'}`;
}

/** Return where the four buttons below a page of so many rows lead to, null where there is nothing. */
export function pages(offset: number, total: number, limit: number): Record<'first' | 'previous' | 'next' | 'last', number | null> {
  const last = Math.max(0, Math.floor((total - 1) / limit) * limit);
  const back = offset > 0;
  const on = offset + limit < total;
  return {
    first: back ? 0 : null,
    previous: back ? Math.max(0, offset - limit) : null,
    next: on ? offset + limit : null,
    last: on ? last : null
  };
}

/** Return the order after a press on a column's name: up, then down, then as it came. */
export function nextOrder(was: Order | null, column: string): Order | null {
  if (was?.column !== column) {
    return { column, descending: false };
  }
  return was.descending ? null : { column, descending: true };
}

/** Return a value as its cell shows it, and the whole of it for a hover where it may not fit. */
export function shown(value: string, column: Column | undefined): { text: string; title: string } {
  const text = column?.group ? grouped(value) : value;
  return {
    text: text.length > LONG ? `${text.slice(0, LONG)}…` : text,
    title: text.length > WIDE ? text.slice(0, LONG_TITLE) : ''
  };
}

// A saved output is anybody's text, and the chart's line runs: only what is a name may stand in it bare.
const NAME = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

/** The chart that the kernel chose for a result: the arguments of `.chart()`. */
export interface Suggested {
  kind: string;
  x: string;
  y: string;
}

/** Return the line of Python that draws a result as the kernel chose; null where nothing fits, or no variable holds it. */
export function chartLine(variable: string | null | undefined, chart: Suggested | null | undefined): string | null {
  if (!variable || !NAME.test(variable) || chart === null) {
    return null;
  }
  // What an older version saved does not say which: then the kernel chooses when it draws.
  const given = chart ? [JSON.stringify(chart.kind), `x=${JSON.stringify(chart.x)}`, `y=${JSON.stringify(chart.y)}`] : [];
  return `${variable}.chart(${given.join(', ')})`;
}
