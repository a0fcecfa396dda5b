/** Where SQL stands in a cell's text: below %%swap, inside swap.sql("…") of Python, and inside swap_sql("…") of R. */

/** IPython drops leading blank lines and indentation before it looks for a magic, and our kernel comments above it. */
export const MAGIC = /^(?:[^\S\n]*(?:#[^\n]*)?\n)*[^\S\n]*%%swap(?=\s|$)/;

/** A statement within a text; offsets are code points, as Lab's completer and the gateway count. */
export interface Place {
  sql: string;
  offset: number;
  base: number;
}

/** What the gateway knows for a place; start and end count from the start of the statement. */
export interface Reply {
  start: number;
  end: number;
  items: { label: string; insert: string; type: string; documentation?: string | null }[];
}

const OPENED = /swap(?:\s*\.\s*|_)sql\s*\(\s*(?:sql\s*=\s*)?[rRfF]{0,2}("""|'''|"|')((?:(?!\1)[\s\S])*)$/;
const CALL = /swap\s*\.\s*sql\s*\(\s*(?:sql\s*=\s*)?$/;
const STRING = /^[rRfFuU]{0,2}("""|'''|"|')([\s\S]*?)\1?$/;

/** Return the length of the magic's line with its end and what stands above it, or of the whole text when nothing is below it. */
export function magicLength(text: string): number {
  const magic = MAGIC.exec(text)?.[0].length ?? Math.max(0, text.search(/\S/));
  const end = text.indexOf('\n', magic);
  return end < 0 ? text.length : end + 1;
}

/** Return the statement around a cursor, or null outside SQL.  `offset` counts code points. */
export function place(text: string, offset: number): Place | null {
  const points = Array.from(text);
  const before = points.slice(0, offset).join('');
  if (MAGIC.test(text)) {
    const start = magicLength(text);
    if (text[start - 1] !== '\n' || before.length < start) {
      return null;
    }
    const base = Array.from(text.slice(0, start)).length;
    return { sql: text.slice(start), offset: offset - base, base };
  }
  const found = OPENED.exec(before);
  if (!found) {
    return null;
  }
  const start = before.length - found[2].length;
  const close = text.indexOf(found[1], before.length);
  const base = Array.from(text.slice(0, start)).length;
  return { sql: text.slice(start, close < 0 ? undefined : close), offset: offset - base, base };
}

const OPTION = /\s(?:--dialect(?:[ \t]+|=)(\w*)|(-[-a-z]*))$/;
const NAMED = /%%swap\s+--dialect(?:[ \t]+|=)(\w+)(?=\s|$)/;
/** The dialects of sources: a test compares them with the gateway's. */
export const DIALECTS = ['hive', 'mysql', 'spark'];

/** Return the dialect that a cell's first line names; empty where it names none. */
export function dialectOf(text: string): string {
  return MAGIC.test(text) ? (NAMED.exec(text.slice(0, magicLength(text)))?.[1] ?? '') : '';
}

/** Return what an option in a cell's first line can be at a cursor, or null elsewhere.  `offset` counts code points. */
export function option(text: string, offset: number): { start: number; end: number; items: { label: string; type: string }[] } | null {
  const before = Array.from(text).slice(0, offset).join('');
  const typed = MAGIC.test(text) && before.length <= magicLength(text) && !before.endsWith('\n') ? OPTION.exec(before) : null;
  if (!typed || !MAGIC.test(before)) {
    return null;
  }
  const found = typed[1] ?? typed[2];
  const all = typed[1] === undefined ? ['--dialect'] : DIALECTS;
  const items = all.filter(each => each.startsWith(found)).map(label => ({ label, type: 'option' }));
  return { start: offset - found.length, end: offset, items };
}

/** Tell whether a cursor is in SQL.  `cursor` counts UTF-16 units, as editors do. */
export function inSql(text: string, cursor: number): boolean {
  return place(text, Array.from(text.slice(0, cursor)).length) !== null;
}

/** Return what the gateway replied as Lab's completer takes it, counted from the start of the cell. */
export function inCell(reply: Reply, at: Place) {
  return {
    start: at.base + reply.start,
    end: at.base + reply.end,
    items: reply.items.map(item => ({
      label: item.label,
      insertText: item.insert,
      type: item.type,
      documentation: item.documentation ?? undefined
    }))
  };
}

/** Return the SQL of a Python string and where it begins in it; null unless the text before calls swap.sql. */
export function sqlOfString(before: string, literal: string): { sql: string; from: number } | null {
  const found = CALL.test(before) ? STRING.exec(literal) : null;
  return found && { sql: found[2], from: found[0].indexOf(found[1]) + found[1].length };
}
