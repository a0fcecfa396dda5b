/** The plugin that shows the panel, and puts names into the notebook in front. */
import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { icon } from '../dom';
import { insertion, Name } from './insert';
import { DataPanel } from './panel';

const COMMAND = 'swap:show-data';

/** Put a name into the active cell, or into one of its own below a cell that is no code; say what came of it. */
function put(tracker: INotebookTracker | null, name: Name): string {
  const panel = tracker?.currentWidget;
  if (!panel) {
    return 'Open a notebook first: the name goes into its cell.';
  }
  if (panel.content.activeCell?.model.type !== 'code') {
    NotebookActions.insertBelow(panel.content);
  }
  const cell = panel.content.activeCell!;
  const editor = cell.editor;
  if (!editor || cell.model.getMetadata('editable') === false) {
    return 'This cell cannot be changed.';
  }
  const source = cell.model.sharedModel.getSource();
  const before = source.slice(0, editor.getOffsetAt(editor.getCursorPosition()));
  const text = insertion(name, source, before, panel.content.model?.defaultKernelLanguage);
  editor.replaceSelection?.(text);
  return `${name.written} is in the cell.`;
}

export const data: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:data',
  description: 'The panel of sources, tables and columns.',
  autoStart: true,
  optional: [INotebookTracker, ILabShell],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker | null, shell: ILabShell | null) => {
    const panel = new DataPanel(name => put(tracker, name));
    panel.title.icon = {
      render: host => {
        host.replaceChildren(icon('database'));
      },
      unrender: host => {
        host.replaceChildren();
      }
    };
    app.shell.add(panel, 'left', { rank: 150, type: 'SWAP' });
    app.commands.addCommand(COMMAND, {
      label: 'Show Data',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => (shell ?? app.shell).activateById(panel.id)
    });
  }
};
