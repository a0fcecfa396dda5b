/** What an error's box says and mends: its look, its reason, and where the name it is about stands in the cell. */
import type { Problem, Suggestion } from '../api';
import type { Icon } from '../dom';

export interface Failure {
  version: number;
  id: string | null;
  error: Problem;
  statement: string;
}

const LOOKS: Record<string, [string, Icon, string]> = {
  forbidden: ['sq-e--lock', 'lock', ''],
  'not-signed-in': ['sq-e--lock', 'lock', ''],
  'source-down': ['sq-e--src', 'down', 'l-warn'],
  unavailable: ['sq-e--src', 'down', 'l-warn'],
  'timed-out': ['sq-e--src', 'clock', 'l-warn'],
  cancelled: ['sq-e--quiet', 'close', ''],
  limit: ['sq-e--src', 'error', 'l-warn']
};
const MISTAKE: [string, Icon, string] = ['', 'error', 'l-bad'];
/** What may go by itself. */
const PASSING = new Set(['source-down', 'unavailable', 'timed-out']);

/** Return class, icon and colour of a category: a mistake unless it is listed. */
export function look(category: string): [string, Icon, string] {
  return LOOKS[category] ?? MISTAKE;
}

/** Tell whether the same cell may work a moment later. */
export function mayPass(category: string): boolean {
  return PASSING.has(category);
}

/** Titles end without a full stop in a cell's heading. */
export function heading(title: string): string {
  return title.replace(/\.$/, '');
}

/** Return the suggestions that stand in a list above their buttons: one name without a word about it says no more than its button. */
export function near(suggestions: Suggestion[]): Suggestion[] {
  return suggestions.filter(item => item.by && (item.detail || suggestions.length > 1));
}

/** Return the reason, with the line it is about, in three parts: the rule stands in the middle. */
export function reason(error: Problem): [before: string, rule: string, after: string] {
  const line = error.line && !error.rule ? `Line ${error.line}.` : '';
  const text = [line, error.why].filter(Boolean).join(' ');
  const rule = error.rule ?? '';
  const at = rule ? text.indexOf(rule) : -1;
  return at < 0 ? [text, '', ''] : [text.slice(0, at), rule, text.slice(at + rule.length)];
}

/** Whether a character can be part of a name: matches must be whole names. */
const NAME = /[\p{L}\p{N}_]/u;

/**
 * Return where a name stands in a cell's text, or -1.  At the error's own line and column when they fit, else
 * its first occurrence as a whole name within the statement.
 */
export function find(source: string, name: string, statement: string, line?: number | null, column?: number | null): number {
  const start = Math.max(0, source.indexOf(statement));
  if (line && column) {
    const lines = source.slice(start).split('\n');
    if (line <= lines.length) {
      const at = start + lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      if (source.startsWith(name, at)) {
        return at;
      }
    }
  }
  for (let at = source.indexOf(name, start); at >= 0; at = source.indexOf(name, at + 1)) {
    if (!NAME.test(source[at - 1] ?? ' ') && !NAME.test(source[at + name.length] ?? ' ')) {
      return at;
    }
  }
  return -1;
}

/** What in SQL is text or a note, where a name is no name. */
const ASIDE = /'(?:[^']|'')*(?:'|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"]|"")*(?:"|$)/g;

/**
 * Return where a name stands in the statement as the error means it, first to last: as a whole name, after the same
 * table's name if there is one, in no text and no note.  Empty when it is not there any more.
 */
export function findAll(source: string, name: string, statement: string, line?: number | null, column?: number | null): number[] {
  const meant = find(source, name, statement, line, column);
  const start = source.indexOf(statement);
  if (meant < 0 || start < 0) {
    return meant < 0 ? [] : [meant];
  }
  const text = source.slice(0, start) + statement.replace(ASIDE, aside => ' '.repeat(aside.length)) + source.slice(start + statement.length);
  const found = [meant];
  for (let at = text.indexOf(name, start); at >= 0 && at < start + statement.length; at = text.indexOf(name, at + 1)) {
    const whole = !NAME.test(text[at - 1] ?? ' ') && !NAME.test(text[at + name.length] ?? ' ');
    if (at !== meant && whole && owner(text, at) === owner(text, meant)) {
      found.push(at);
    }
  }
  return found.sort((one, other) => one - other);
}

/** Return the name before the dot before a place; empty when there is none. */
function owner(text: string, at: number): string {
  return /([\p{L}\p{N}_]+)\s*\.\s*$/u.exec(text.slice(Math.max(0, at - 200), at))?.[1] ?? '';
}

/** Return the range of the name an error is about, in the text of its cell; null when it does not hold the statement any more. */
export function mistaken(source: string, failure: Failure): { from: number; to: number } | null {
  const name = failure.error.suggestions?.find(item => item.replace)?.replace;
  const from = name && source.includes(failure.statement) ? find(source, name, failure.statement, failure.error.line, failure.error.column) : -1;
  return name && from >= 0 ? { from, to: from + name.length } : null;
}

/** Say what a button has changed. */
export function changed(name: string, by: string, places: number): string {
  return `Changed ${name} to ${by}${places > 1 ? ` in ${places} places` : ''}. Run the cell again.`;
}
