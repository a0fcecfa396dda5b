/**
 * An error of SWAP: what happened, why, what to do next, and buttons that mend the cell's text.
 *
 * Three looks: a mistake, something locked, a source that is down.
 */
import { PageConfig } from '@jupyterlab/coreutils';
import { NotebookActions } from '@jupyterlab/notebook';
import { Problem, Suggestion } from '../api';
import { button, el, Icon, icon, prose, safeHref } from '../dom';
import { cellOf } from '../hooks';
import { underline } from '../mistake';
import { SwapRenderer } from './base';

export const ERROR = 'application/vnd.swap.error+json';

interface Failure {
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

/** Titles end without a full stop in a cell's heading. */
function heading(title: string): string {
  return title.replace(/\.$/, '');
}

export class ErrorBox extends SwapRenderer {
  private _failure: Failure | null = null;

  protected fill(data: unknown): void {
    const failure = (this._failure = data as Failure);
    const { error } = failure;
    const [look, name, colour] = LOOKS[error.category] ?? ['', 'error', 'l-bad'];
    const suggestions = error.suggestions ?? [];
    // One name without a word about it says no more than its button.
    const near = suggestions.filter(item => item.by && (item.detail || suggestions.length > 1));
    const actions = suggestions.map(item => this._action(item, failure)).filter(node => node !== null);
    if (error.category === 'source-down' || error.category === 'unavailable' || error.category === 'timed-out') {
      actions.push(this._again());
    }
    this.node.replaceChildren(
      el(
        'div',
        { class: `sq-e ${look}`, role: 'group', 'aria-label': 'SWAP could not run this' },
        el('p', { class: 'hd' }, icon(name, colour), el('span', {}, ...prose(heading(error.title)))),
        el(
          'div',
          { class: 'bd' },
          why(error),
          near.length ? el('div', { class: 'near' }, ...near.flatMap(nearRow)) : null,
          error.todo ? el('p', {}, ...prose(error.todo)) : null,
          actions.length ? el('p', { class: 'ax' }, ...actions) : null,
          el('p', { class: 'swap-vh', role: 'status', 'aria-live': 'polite' })
        )
      )
    );
  }

  protected onAfterAttach(): void {
    // The output is in its cell one moment after it is in the page.
    window.requestAnimationFrame(() => this._underline(true));
  }

  protected onBeforeDetach(): void {
    this._underline(false);
  }

  /** Mark the name the error is about in the cell's text, for as long as the error stands below it. */
  private _underline(on: boolean): void {
    const failure = this._failure;
    const at = cellOf(this.node);
    const editor = at?.panel.content.widgets[at.index].editor;
    if (!failure || !at || !editor) {
      return;
    }
    const source = at.model.sharedModel.getSource();
    const name = failure.error.suggestions?.find(item => item.replace)?.replace;
    const from = on && name && source.includes(failure.statement) ? find(source, name, failure.statement, failure.error.line, failure.error.column) : -1;
    underline(editor, from < 0 ? null : { from, to: from + name!.length });
  }

  private _action(item: Suggestion, failure: Failure): HTMLElement | null {
    const href = safeHref(item.href, PageConfig.getOption('swapHome') || document.baseURI);
    if (href) {
      return el('a', { class: 'sq-b', href, target: '_blank', rel: 'noopener' }, icon('table'), item.label);
    }
    if (!item.replace || !item.by) {
      return null;
    }
    const node = button(item.label);
    node.addEventListener('click', () => this._mend(node, item, failure));
    return node;
  }

  private _again(): HTMLElement {
    const node = button('Try again', { icon: 'again' });
    node.addEventListener('click', () => {
      const at = cellOf(this.node);
      if (at) {
        at.panel.content.activeCellIndex = at.index;
        void NotebookActions.run(at.panel.content, at.panel.sessionContext);
      }
    });
    return node;
  }

  private _mend(node: HTMLButtonElement, item: Suggestion, failure: Failure): void {
    const said = this.node.querySelector('[role=status]')!;
    const at = cellOf(this.node);
    const source = at?.model.sharedModel.getSource() ?? '';
    const found = find(source, item.replace!, failure.statement, failure.error.line, failure.error.column);
    if (!at || found < 0) {
      node.disabled = true;
      said.textContent = `${item.replace} is no longer in the cell.`;
      said.classList.remove('swap-vh');
      return;
    }
    at.model.sharedModel.updateSource(found, found + item.replace!.length, item.by!);
    at.panel.content.activeCellIndex = at.index;
    at.panel.content.mode = 'edit';
    const cell = at.panel.content.widgets[at.index];
    cell.editor?.setCursorPosition(cell.editor.getPositionAt(found + item.by!.length) ?? { line: 0, column: 0 });
    cell.editor?.focus();
    said.textContent = `Changed ${item.replace} to ${item.by}. Run the cell again.`;
  }
}

/** Return the reason, with the line it is about and the rule in bold. */
function why(error: Problem): HTMLElement | null {
  const line = error.line && !error.rule ? `Line ${error.line}.` : '';
  const text = [line, error.why].filter(Boolean).join(' ');
  if (!text) {
    return null;
  }
  const at = error.rule ? text.indexOf(error.rule) : -1;
  const parts = at < 0 ? prose(text) : [...prose(text.slice(0, at)), el('b', {}, error.rule!), ...prose(text.slice(at + error.rule!.length))];
  return el('p', {}, ...parts);
}

function nearRow(item: Suggestion): HTMLElement[] {
  return [el('code', {}, item.by!), el('span', { class: 's2' }, item.type ?? ''), el('span', {}, item.detail ?? '')];
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
