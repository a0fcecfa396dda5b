/** SWAP's plugins.  Each needs as little of Lab as it can, so that another part switched off takes none with it. */
import { IConnectionLost, ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IThemeManager, IWindowResolver } from '@jupyterlab/apputils';
import { IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { PageConfig } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { watchAccess } from './access';
import { addBar } from './bar';
import { beside } from './beside';
import { keepClean } from './clean';
import { sayConflicts } from './conflict';
import { ContextProvider, KernelProvider, SwapProvider } from './completion';
import { data } from './data';
import { sayEnds } from './ended';
import { showFailures } from './failure';
import { hooks } from './hooks';
import { addCards } from './launcher';
import { addMeter } from './meter';
import { addPages } from './pages';
import { addSaved } from './saved';
import { shared } from './shared';
import { sharedId } from './shared/path';
import { swapCells } from './sql';
import { foldAway, openEarly, resolve } from './window';

const bar: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:bar',
  description: 'The way home, the name and the sign-out.',
  autoStart: true,
  optional: [ILabShell],
  activate: (app, shell: ILabShell | null) => addBar(app, shell)
};

const access: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:access',
  description: 'Says that access has ended, or that the server or SWAP is away.',
  autoStart: true,
  optional: [INotebookTracker],
  activate: (app, tracker: INotebookTracker | null) => watchAccess(app, tracker)
};

const lost: JupyterFrontEndPlugin<IConnectionLost> = {
  id: '@swap/lab:lost',
  description: 'Leaves a lost connection to the words of access; stands for the one of the hub, which calls it a server that does not run.',
  autoStart: true,
  provides: IConnectionLost,
  activate: () => async () => undefined
};

const sql: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:sql',
  description: 'Colours SQL in %%swap cells and in swap.sql("…").',
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  activate: (_, registry: IEditorExtensionRegistry) =>
    registry.addExtension({
      name: '@swap/lab:sql',
      factory: options => ({ instance: () => swapCells(options.model.sharedModel.getSource()), reconfigure: () => null })
    })
};

const completion: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:completion',
  description: 'Completes names from the catalog; stands for the base service of JupyterLab.',
  autoStart: true,
  requires: [ICompletionProviderManager],
  activate: (_, manager: ICompletionProviderManager) => {
    manager.registerProvider(new SwapProvider());
    manager.registerProvider(new KernelProvider());
    manager.registerProvider(new ContextProvider());
  }
};

const clean: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:clean',
  description: 'Does not mark a notebook as changed that was only opened.',
  autoStart: true,
  optional: [INotebookTracker],
  activate: (_, tracker: INotebookTracker | null) => {
    tracker?.widgetAdded.connect((_sender, panel) => keepClean(panel));
  }
};

const renderers: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:hooks',
  description: 'Lets the renderers find the cell they stand in, and the theme.',
  autoStart: true,
  optional: [INotebookTracker, IThemeManager],
  activate: (_, tracker: INotebookTracker | null, themes: IThemeManager | null) => {
    hooks.tracker = tracker;
    // The theme's variables are there one frame after the signal.
    themes?.themeChanged.connect(() => window.requestAnimationFrame(() => hooks.themed.forEach(redraw => redraw())));
  }
};

const window_: JupyterFrontEndPlugin<IWindowResolver> = {
  id: '@swap/lab:window',
  description: 'Says which workspace a window has; stands for the window resolver of JupyterLab.',
  autoStart: true,
  provides: IWindowResolver,
  activate: resolve
};

const early: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:early',
  description: 'Opens the notebook of the address before JupyterLab does.',
  autoStart: true,
  activate: openEarly
};

const failures: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:failures',
  description: 'Leads back to the cell at which a run of many stopped.',
  autoStart: true,
  activate: showFailures
};

const conflicts: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:conflicts',
  description: 'Says that a notebook was saved elsewhere, and keeps both, also cell by cell.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (app, tracker: INotebookTracker) => {
    tracker.widgetAdded.connect((_, panel) => {
      // What others share has a way of its own: nothing of it lies here.
      if (sharedId(panel.context.path) === null) {
        sayConflicts(panel.context, app.serviceManager.contents, path => void app.commands.execute('docmanager:open', { path }));
      }
    });
  }
};

const saved: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:saved',
  description: 'Says in the status bar as which version a notebook was saved.',
  autoStart: true,
  requires: [IStatusBar, INotebookTracker],
  activate: (_, statusBar: IStatusBar, tracker: INotebookTracker) => addSaved(statusBar, tracker)
};

const pages: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:pages',
  description: 'Leads to the pages that say with whom a notebook is shared, what people say about it, and what was forked.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IMainMenu, ICommandPalette],
  activate: (app, tracker: INotebookTracker, menu: IMainMenu | null, palette: ICommandPalette | null) => addPages(app, tracker, menu, palette)
};

const launcher: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:launcher',
  description: 'Cards of the launcher that lead to what colleagues share, and to examples.',
  autoStart: true,
  optional: [ILauncher, ICommandPalette],
  activate: (app, cards: ILauncher | null, palette: ICommandPalette | null) => addCards(app, cards, palette)
};

const meter: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:meter',
  description: 'Says in the status bar what its person uses of what they may.',
  autoStart: true,
  requires: [IStatusBar],
  activate: (_, statusBar: IStatusBar) => addMeter(statusBar)
};

const ends: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:ends',
  description: 'Says which limit ended a kernel, or refused a cell something.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_, tracker: INotebookTracker) => sayEnds(tracker)
};

const narrow: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:narrow',
  description: 'Folds the side panels away in a narrow window.',
  autoStart: true,
  requires: [ILabShell],
  activate: foldAway
};

const help: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:help',
  description: 'Help that leads to SWAP.',
  autoStart: true,
  optional: [IMainMenu],
  activate: (app: JupyterFrontEnd, menu: IMainMenu | null) => {
    const home = PageConfig.getOption('swapHome');
    const pages: [string, string, string][] = [
      ['swap:home', 'SWAP: Home', '/'],
      ['swap:data', 'SWAP: Data You May Query', '/data'],
      ['swap:tutorial', 'SWAP: Your First Notebook', '/help/tutorial/first-notebook'],
      ['swap:sql', 'SWAP: SQL', '/help/reference/sql'],
      ['swap:help', 'SWAP: All Help', '/help'],
      ['swap:new', 'SWAP: What Is New', '/help/new']
    ];
    for (const [command, label, path] of pages) {
      app.commands.addCommand(command, {
        label,
        describedBy: { args: { type: 'object', properties: {} } },
        execute: () => {
          window.open(new URL(path, home), '_blank', 'noopener');
        }
      });
    }
    menu?.helpMenu.addGroup(pages.map(([command]) => ({ command })), 0);
  }
};

export default [
  bar,
  access,
  lost,
  sql,
  completion,
  clean,
  renderers,
  data,
  window_,
  early,
  failures,
  conflicts,
  saved,
  pages,
  shared,
  beside,
  launcher,
  meter,
  ends,
  narrow,
  help
];
