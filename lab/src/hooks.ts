/**
 * What the renderers may use of the application.  They are made without one, so the plugins fill this in;
 * each renderer works, with less, while it is empty (another front end, or a part of Lab switched off).
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { ICodeCellModel } from '@jupyterlab/cells';

export const hooks: {
  tracker: INotebookTracker | null;
  /** Called when the theme changed: charts are drawn in its colours. */
  themed: Set<() => void>;
} = { tracker: null, themed: new Set() };

/** Return the notebook that shows a node. */
export function panelOf(node: HTMLElement): NotebookPanel | undefined {
  return hooks.tracker?.find(panel => panel.node.contains(node));
}

/** Return the position and model of the code cell that shows a node. */
export function cellOf(node: HTMLElement): { panel: NotebookPanel; index: number; model: ICodeCellModel } | undefined {
  const panel = panelOf(node);
  const index = panel?.content.widgets.findIndex(cell => cell.node.contains(node)) ?? -1;
  if (!panel || index < 0) {
    return undefined;
  }
  return { panel, index, model: panel.content.widgets[index].model as ICodeCellModel };
}
