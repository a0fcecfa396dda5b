/** The plugin that puts the panel at the right. */
import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { icon } from '../dom';
import { BesidePanel } from './panel';

const COMMAND = 'swap:show-beside';

export const beside: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:beside',
  description: 'The panel of what SWAP knows about the notebook in front.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILabShell, ICommandPalette],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker, shell: ILabShell | null, palette: ICommandPalette | null) => {
    const panel = new BesidePanel(tracker);
    panel.title.icon = {
      render: host => {
        host.replaceChildren(icon('info'));
      },
      unrender: host => {
        host.replaceChildren();
      }
    };
    app.shell.add(panel, 'right', { rank: 90, type: 'SWAP' });
    app.commands.addCommand(COMMAND, {
      label: 'Show Notebook on SWAP',
      caption: 'History, comments, readers, forks and data of this notebook',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => (shell ?? app.shell).activateById(panel.id)
    });
    app.commands.addKeyBinding({ command: COMMAND, keys: ['Alt Shift N'], selector: 'body' });
    palette?.addItem({ command: COMMAND, category: 'SWAP' });
  }
};
