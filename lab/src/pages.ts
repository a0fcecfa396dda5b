/** Pages of the portal about the notebook in front: from its toolbar, the File menu and the palette. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { CommandToolbarButton, type ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IMainMenu } from '@jupyterlab/mainmenu';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { portal } from './shared/drive';
import { sharedId } from './shared/path';

const SHARE = 'swap:share';
const COMMENTS = 'swap:comments';
const FORKS = 'swap:forks';
const REPORT = 'swap:report';
const HISTORY = 'swap:history';
/** JupyterLab has none of them. */
const KEYS = { [SHARE]: 'Alt Shift S', [COMMENTS]: 'Alt Shift C', [HISTORY]: 'Alt Shift H' };
/** Of another's notebook: its own page says whether one may share it. */
const STEPS = { share: '', comments: '/comments', forks: '/forks', report: '/report' };
const BUTTONS = { [SHARE]: 'Share', [COMMENTS]: 'Comments' };

export function addPages(app: JupyterFrontEnd, tracker: INotebookTracker, menu: IMainMenu | null, palette: ICommandPalette | null): void {
  const { commands } = app;
  const path = () => tracker.currentWidget?.context.path ?? '';
  const isEnabled = () => tracker.currentWidget !== null;
  // JupyterLab's menu of a cell does not make it the active one.
  const clicked = () => {
    const node = app.contextMenuHitTest(each => each.classList.contains('jp-Cell'));
    return tracker.currentWidget?.content.widgets.find(each => each.node === node);
  };
  commands.addCommand(SHARE, {
    label: 'Share Notebook…',
    caption: 'With whom this notebook is shared: opens its page in SWAP',
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled,
    execute: () => open('share', path())
  });
  commands.addCommand(COMMENTS, {
    label: 'Comments…',
    caption: 'What people say about this notebook, and about the cell you are at: opens its page in SWAP',
    describedBy: { args: { type: 'object', properties: { clicked: { type: 'boolean' } } } },
    isEnabled,
    execute: args => open('comments', path(), { cell: (args.clicked ? clicked() : tracker.activeCell)?.model.id ?? '' })
  });
  commands.addCommand(FORKS, {
    label: 'Forks and Origin…',
    caption: 'What this notebook was forked from, and its forks: opens its page in SWAP',
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled,
    execute: () => open('forks', path())
  });
  commands.addCommand(REPORT, {
    label: 'Run Regularly…',
    caption: 'Let this notebook run by itself, also when you are signed out: opens its page in SWAP',
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled,
    execute: () => open('report', path())
  });
  commands.addCommand(HISTORY, {
    label: 'Notebook History…',
    caption: 'The versions of this notebook: opens its page in SWAP',
    describedBy: { args: { type: 'object', properties: {} } },
    // Of another's notebook there is none to be seen.
    isEnabled: () => isEnabled() && sharedId(path()) === null,
    execute: () => {
      window.open(pageOf('history', path()), '_blank', 'noopener');
    }
  });
  const all = [SHARE, COMMENTS, FORKS, HISTORY, REPORT];
  Object.entries(KEYS).forEach(([command, keys]) => commands.addKeyBinding({ command, keys: [keys], selector: '.jp-Notebook' }));
  tracker.currentChanged.connect(() => all.forEach(id => commands.notifyCommandChanged(id)));
  tracker.widgetAdded.connect((_, panel) => {
    Object.entries(BUTTONS).forEach(([id, label]) => {
      panel.toolbar.insertBefore('kernelName', id.replace(':', '-'), new CommandToolbarButton({ commands, id, label }));
    });
  });
  app.contextMenu.addItem({ command: COMMENTS, args: { clicked: true }, selector: '.jp-Notebook .jp-Cell', rank: 90 });
  menu?.fileMenu.addGroup(
    all.map(command => ({ command })),
    20
  );
  all.forEach(command => palette?.addItem({ command, category: 'SWAP' }));
}

function open(page: keyof typeof STEPS, path: string, query: Record<string, string> = {}): void {
  const notebook = sharedId(path);
  const url = new URL(notebook === null ? pageOf(page, path) : portal(notebook, STEPS[page]));
  Object.entries(query).forEach(([name, value]) => url.searchParams.set(name, value));
  window.open(url.href, '_blank', 'noopener');
}

/** Return the address of a page about a notebook of this person's. */
export function pageOf(page: string, path: string): string {
  const url = new URL(`/notebooks/${page}`, PageConfig.getOption('swapHome'));
  url.searchParams.set('path', path);
  return url.href;
}
