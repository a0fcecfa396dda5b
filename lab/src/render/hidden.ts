/** What stands in place of outputs that their reader may not see: what they come from, and whom to ask. */
import { el } from '../dom';
import { SwapRenderer } from './base';

export const HIDDEN = 'application/vnd.swap.hidden+json';

export class HiddenOutputs extends SwapRenderer {
  protected fill(data: unknown): void {
    const [tables, words, ask] = told(data);
    const from = tables.length ? [...listed(tables), ', which you may not read'] : [];
    const and = tables.length && words.length ? [', and from '] : [];
    const what = tables.length || words.length ? ['They come from ', ...from, ...and, words.join(', '), '.'] : ['What they come from was not recorded; only the person whose notebook it is sees them.'];
    const todo = ask && (tables.length || words.length) ? ` Ask ${ask}.` : '';
    this.node.replaceChildren(el('p', { class: 'swap-hidden', role: 'note' }, el('b', {}, 'These outputs are hidden from you.'), ' ', ...what, todo));
  }
}

/** Tables and words of a list. */
const MOST = 20;

/** Return the tables that are named, what is said of others in words, and whom to ask; a saved output may hold anything. */
export function told(data: unknown): [string[], string[], string] {
  const { datasets, ask } = (data ?? {}) as { datasets?: unknown; ask?: unknown };
  const names = Array.isArray(datasets) ? datasets.filter(each => typeof each === 'string').slice(0, MOST) : [];
  // What cannot be named is in words, which have no dot.
  return [names.filter(each => each.includes('.')), names.filter(each => !each.includes('.')), typeof ask === 'string' ? ask : ''];
}

function listed(tables: string[]): (Node | string)[] {
  return tables.flatMap((table, at) => (at ? [', ', el('code', {}, table)] : [el('code', {}, table)]));
}
