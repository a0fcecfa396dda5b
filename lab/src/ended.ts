/** Says in the cell, and in place of "the kernel appears to have died", which limit ended a kernel or refused it something. */
import { Dialog } from '@jupyterlab/apputils';
import type { ICodeCellModel } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { call, Problem } from './api';
import { el } from './dom';
import { ERROR } from './render/error';
import { mayBeLimit } from './use';

/** Return as an error of SWAP's which limit was met; null is none, or nobody who knows. */
async function met(limit: string): Promise<Problem | null> {
  return (await call<{ error: Problem | null }>(`limit/${limit}`).catch(() => null))?.error ?? null;
}

function show(model: ICodeCellModel, error: Problem): void {
  const text = [error.title, error.why, error.todo].filter(Boolean).join('\n');
  const data = { [ERROR]: { version: 1, id: null, error, statement: '' }, 'text/plain': text };
  type Output = Parameters<typeof model.outputs.add>[0];
  model.outputs.add({ output_type: 'display_data', metadata: {}, data } as unknown as Output);
}

/** Return the cell that runs: those behind it wait, and look the same. */
function running(panel: NotebookPanel): ICodeCellModel | undefined {
  const models = panel.content.widgets.map(cell => cell.model);
  return models.find((model): model is ICodeCellModel => model.type === 'code' && (model as ICodeCellModel).executionState === 'running');
}

async function died(panel: NotebookPanel): Promise<void> {
  // The next moment the cell no longer says that it ran.
  const cell = running(panel);
  const kernel = panel.sessionContext.session?.kernel?.id;
  const error = kernel ? await met(`memory/${kernel}`) : null;
  if (!error || panel.isDisposed) {
    return;
  }
  if (cell && !cell.isDisposed) {
    show(cell, error);
  }
  // JupyterLab has said by now that the kernel appears to have died.
  Dialog.flush();
  const body = new Widget({ node: el('div', {}, ...[`In ${panel.context.path}. ${error.why}`, error.todo].map(text => el('p', {}, text))) });
  const dialog = new Dialog({ title: error.title, body, buttons: [Dialog.okButton()] });
  dialog.node.setAttribute('aria-label', error.title);
  await dialog.launch();
}

async function failed(model: ICodeCellModel): Promise<void> {
  for (let index = 0; index < model.outputs.length; index++) {
    const { output_type, ename, evalue } = model.outputs.get(index).toJSON();
    const limit = output_type === 'error' ? mayBeLimit(String(ename), String(evalue)) : null;
    const error = limit ? await met(limit) : null;
    if (error && !model.isDisposed) {
      show(model, error);
      return;
    }
  }
}

export function sayEnds(tracker: INotebookTracker): void {
  tracker.widgetAdded.connect((_, panel) =>
    panel.sessionContext.statusChanged.connect((_context, status) => {
      if (status === 'autorestarting' || status === 'dead') {
        void died(panel);
      }
    })
  );
  NotebookActions.executed.connect((_, { cell, success }) => {
    if (!success && cell.model.type === 'code') {
      void failed(cell.model as ICodeCellModel);
    }
  });
}
