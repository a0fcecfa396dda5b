/** Pages of the portal about the notebook in front: from its toolbar, the File menu and the palette. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { CommandToolbarButton, type ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IMainMenu } from '@jupyterlab/mainmenu';
import type { INotebookTracker } from '@jupyterlab/notebook';

const SHARE = 'swap:share';
const COMMENTS = 'swap:comments';
const FORKS = 'swap:forks';
const BUTTONS = { [SHARE]: 'Share', [COMMENTS]: 'Comments' };

export function addPages(app: JupyterFrontEnd, tracker: INotebookTracker, menu: IMainMenu | null, palette: ICommandPalette | null): void {
  const { commands } = app;
  const path = () => tracker.currentWidget?.context.localPath ?? '';
  const options = {
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => tracker.currentWidget !== null
  };
  commands.addCommand(SHARE, {
    ...options,
    label: 'Share Notebook…',
    caption: 'With whom this notebook is shared: opens its page in SWAP',
    execute: () => open('share', path())
  });
  commands.addCommand(COMMENTS, {
    ...options,
    label: 'Comments…',
    caption: 'What people say about this notebook, and about the cell you are at: opens its page in SWAP',
    execute: () => open('comments', path(), { cell: tracker.activeCell?.model.id ?? '' })
  });
  commands.addCommand(FORKS, {
    ...options,
    label: 'Forks and Origin…',
    caption: 'What this notebook was forked from, and its forks: opens its page in SWAP',
    execute: () => open('forks', path())
  });
  const all = [SHARE, COMMENTS, FORKS];
  tracker.currentChanged.connect(() => all.forEach(id => commands.notifyCommandChanged(id)));
  tracker.widgetAdded.connect((_, panel) => {
    Object.entries(BUTTONS).forEach(([id, label]) => {
      panel.toolbar.insertBefore('kernelName', id.replace(':', '-'), new CommandToolbarButton({ commands, id, label }));
    });
  });
  app.contextMenu.addItem({ command: COMMENTS, selector: '.jp-Notebook .jp-Cell', rank: 90 });
  menu?.fileMenu.addGroup(
    all.map(command => ({ command })),
    20
  );
  all.forEach(command => palette?.addItem({ command, category: 'SWAP' }));
}

function open(page: string, path: string, query: Record<string, string> = {}): void {
  window.open(pageOf(page, path, query), '_blank', 'noopener');
}

/** Return the address of a page about a notebook of this person's. */
export function pageOf(page: string, path: string, query: Record<string, string> = {}): string {
  const url = new URL(`/notebooks/${page}`, PageConfig.getOption('swapHome'));
  url.search = new URLSearchParams({ path, ...query }).toString();
  return url.href;
}
