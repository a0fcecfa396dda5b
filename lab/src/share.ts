/** Sharing the notebook in front: its page in the portal, from the toolbar, the File menu and the palette. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { CommandToolbarButton, type ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IMainMenu } from '@jupyterlab/mainmenu';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { portal } from './shared/drive';
import { sharedId } from './shared/path';

const COMMAND = 'swap:share';

export function addShare(app: JupyterFrontEnd, tracker: INotebookTracker, menu: IMainMenu | null, palette: ICommandPalette | null): void {
  const { commands } = app;
  commands.addCommand(COMMAND, {
    label: 'Share Notebook…',
    caption: 'With whom this notebook is shared: opens its page in SWAP',
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => tracker.currentWidget !== null,
    execute: () => {
      window.open(shareOf(tracker.currentWidget?.context.path ?? ''), '_blank', 'noopener');
    }
  });
  tracker.currentChanged.connect(() => commands.notifyCommandChanged(COMMAND));
  tracker.widgetAdded.connect((_, panel) => {
    panel.toolbar.insertBefore('kernelName', 'swap-share', new CommandToolbarButton({ commands, id: COMMAND, label: 'Share' }));
  });
  menu?.fileMenu.addGroup([{ command: COMMAND }], 20);
  palette?.addItem({ command: COMMAND, category: 'SWAP' });
}

/** Return the address of the page that says with whom a notebook is shared; of another's, its page. */
function shareOf(path: string): string {
  const notebook = sharedId(path);
  if (notebook !== null) {
    return portal(notebook);
  }
  const url = new URL('/notebooks/share', PageConfig.getOption('swapHome'));
  url.searchParams.set('path', path);
  return url.href;
}
