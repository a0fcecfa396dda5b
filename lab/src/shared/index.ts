/** The plugin that shows the drive in a file browser of its own, and signs what is opened from it. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { el, icon } from '../dom';
import { SharedDrive } from './drive';
import { DRIVE, sharedId } from './path';
import { watch } from './sign';

const COMMAND = 'swap:show-shared';

export const shared: JupyterFrontEndPlugin<void> = {
  id: '@swap/lab:shared',
  description: 'The drive of notebooks that others share.',
  autoStart: true,
  requires: [IFileBrowserFactory, INotebookTracker],
  optional: [ICommandPalette],
  activate: (app: JupyterFrontEnd, factory: IFileBrowserFactory, tracker: INotebookTracker, palette: ICommandPalette | null) => {
    const drive = new SharedDrive();
    const { contents } = app.serviceManager;
    const home = { contents, open: (path: string) => void app.commands.execute('docmanager:open', { path }) };
    contents.addDrive(drive);
    tracker.widgetAdded.connect((_, panel) => {
      const notebook = sharedId(panel.context.path);
      if (notebook !== null) {
        void watch(panel, drive, notebook, home);
      }
    });

    // Nothing is asked before somebody looks at it.
    const browser = factory.createFileBrowser('swap-shared', { driveName: DRIVE, auto: false, restore: false });
    MessageLoop.installMessageHook(browser, (_, message) => {
      if (browser.isVisible && (message.type === 'after-show' || message.type === 'after-attach')) {
        void browser.model.refresh();
      }
      return true;
    });
    browser.allowFileUploads = false;
    browser.title.caption = 'Shared with you';
    browser.title.icon = {
      render: host => {
        host.replaceChildren(icon('group'));
      },
      unrender: host => {
        host.replaceChildren();
      }
    };
    browser.node.setAttribute('role', 'region');
    browser.node.setAttribute('aria-label', 'Shared with you');
    const all = new URL('/notebooks', PageConfig.getOption('swapHome')).href;
    const head = el('div', { class: 'swap-shared-h' }, el('h2', {}, 'Shared with you'), el('a', { href: all, target: '_blank', rel: 'noopener' }, 'All in SWAP'));
    browser.toolbar.addItem('swap-shared', new Widget({ node: head }));
    app.shell.add(browser, 'left', { rank: 151, type: 'SWAP' });
    app.commands.addCommand(COMMAND, {
      label: 'Show Notebooks Shared with You',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(browser.id)
    });
    palette?.addItem({ command: COMMAND, category: 'SWAP' });
  }
};
