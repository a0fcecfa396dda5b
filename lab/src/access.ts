/**
 * Says that access has ended, in SWAP's words.
 *
 * Without it the person would read "Kernel died": the server cuts connections when somebody signs out.
 */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { call, Refused } from './api';
import { el, safeHref } from './dom';

const POLL_MS = 5000;

export function watchAccess(app: JupyterFrontEnd, tracker: INotebookTracker | null): void {
  let over = false;
  let asking = false;

  const end = async () => {
    over = true;
    // Lab's own complaints about lost connections lie above ours, and tell the wrong story.
    Dialog.flush();
    const body = new Widget({
      node: el('div', {}, el('p', {}, 'You signed out in another window, or your access was ended.'), el('p', {}, 'Your notebooks are saved up to the last save. What was running in them may go on until the server is stopped.'))
    });
    const keep = window.setInterval(() => document.querySelectorAll<HTMLElement>('.jp-Dialog:not(.swap-ended)').forEach(node => node.remove()), 500);
    const dialog = new Dialog({ title: 'Your access has ended', body, buttons: [Dialog.okButton({ label: 'Sign in again' })], hasClose: false });
    dialog.addClass('swap-ended');
    await dialog.launch().catch(() => undefined);
    window.clearInterval(keep);
    window.location.assign(safeHref(PageConfig.getOption('swapHome')) ?? '/');
  };

  const ask = async () => {
    if (over || asking) {
      return;
    }
    asking = true;
    try {
      await call('access', { no_track_activity: '1' });
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403) && !over) {
        void end();
      }
      // Anything else: the server is away, or the network. Lab says that itself.
    } finally {
      asking = false;
    }
  };

  window.setInterval(() => void ask(), POLL_MS);
  app.serviceManager.connectionFailure.connect(() => void ask());
  // The cut of a kernel's connection is the first that a window notices.
  tracker?.widgetAdded.connect((_, panel) =>
    panel.sessionContext.connectionStatusChanged.connect((_context, status) => {
      if (status !== 'connected') {
        void ask();
      }
    })
  );
}
