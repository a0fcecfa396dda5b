/**
 * An error of SWAP: what happened, why, what to do next, and buttons that mend the cell's text.
 *
 * Three looks: a mistake, something locked, a source that is down.
 */
import { PageConfig } from '@jupyterlab/coreutils';
import type { ICodeCellModel } from '@jupyterlab/cells';
import { NotebookActions } from '@jupyterlab/notebook';
import { Problem, Suggestion } from '../api';
import { button, el, icon, prose, safeHref } from '../dom';
import { cellOf } from '../hooks';
import { underline } from '../underline';
import { SwapRenderer } from './base';
import { changed, Failure, findAll, heading, look, mayPass, mistaken, near, reason } from './mend';

export const ERROR = 'application/vnd.swap.error+json';

export class ErrorBox extends SwapRenderer {
  private _failure: Failure | null = null;

  protected fill(data: unknown): void {
    const failure = (this._failure = data as Failure);
    const { error } = failure;
    const [kind, name, colour] = look(error.category);
    const suggestions = error.suggestions ?? [];
    const listed = near(suggestions);
    const actions = suggestions.map(item => this._action(item, failure)).filter(node => node !== null);
    if (mayPass(error.category)) {
      actions.push(this._again());
    }
    this.node.replaceChildren(
      el(
        'div',
        { class: `sq-e ${kind}`, role: 'group', 'aria-label': 'SWAP could not run this' },
        el('p', { class: 'hd' }, icon(name, colour), el('span', {}, ...prose(heading(error.title)))),
        el(
          'div',
          { class: 'bd' },
          why(error),
          listed.length ? el('div', { class: 'near' }, ...listed.flatMap(nearRow)) : null,
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
    underline(editor, on ? mistaken(at.model.sharedModel.getSource(), failure) : null);
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
    const found = findAll(source, item.replace!, failure.statement, failure.error.line, failure.error.column);
    if (!at || !found.length) {
      node.disabled = true;
      said.textContent = `${item.replace} is no longer in the cell.`;
      said.classList.remove('swap-vh');
      return;
    }
    at.model.sharedModel.transact(() => {
      for (const from of [...found].reverse()) {
        at.model.sharedModel.updateSource(from, from + item.replace!.length, item.by!);
      }
    });
    at.panel.content.activeCellIndex = at.index;
    at.panel.content.mode = 'edit';
    const cell = at.panel.content.widgets[at.index];
    cell.editor?.setCursorPosition(cell.editor.getPositionAt(found[0] + item.by!.length) ?? { line: 0, column: 0 });
    cell.editor?.focus();
    this._mended(at.model, failure, changed(item.replace!, item.by!, found.length));
  }

  /** Say what was changed in the place of the error, which is no longer true. */
  private _mended(model: ICodeCellModel, failure: Failure, text: string): void {
    for (let index = 0; index < model.outputs.length; index++) {
      if (JSON.stringify(model.outputs.get(index).data[ERROR]) === JSON.stringify(failure)) {
        model.outputs.set(index, { output_type: 'display_data', data: { 'text/plain': text }, metadata: {} });
      }
    }
  }
}

function why(error: Problem): HTMLElement | null {
  const [before, rule, after] = reason(error);
  return before || rule ? el('p', {}, ...prose(before), rule ? el('b', {}, rule) : null, ...prose(after)) : null;
}

function nearRow(item: Suggestion): HTMLElement[] {
  return [el('code', {}, item.by!), el('span', { class: 's2' }, item.type ?? ''), el('span', {}, item.detail ?? '')];
}
