/** Where a run of many cells stopped: "Run all" goes to the last cell before anybody knows that the first one fails. */
import { Notebook, NotebookActions } from '@jupyterlab/notebook';
import { leftBehind } from './behind';

/** After this, JupyterLab has come to the end of its own scrolling. */
const SETTLED_MS = 400;

export function showFailures(): void {
  NotebookActions.executed.connect((_, { notebook, cell, success }) => {
    const index = notebook.widgets.findIndex(each => each === cell);
    if (!success && leftBehind(index, notebook.activeCellIndex, notebook.mode)) {
      notebook.deselectAll();
      notebook.activeCellIndex = index;
      void show(notebook, index);
    }
  });
}

async function show(notebook: Notebook, index: number): Promise<void> {
  await notebook.scrollToItem(index, 'smart').catch(() => undefined);
  await new Promise(resolve => window.setTimeout(resolve, SETTLED_MS));
  if (!notebook.isDisposed && notebook.activeCellIndex === index) {
    await notebook.scrollToItem(index, 'smart').catch(() => undefined);
  }
}
