/**
 * Says that access has ended, or that the server has stopped or soon will be, in SWAP's words.
 *
 * Without it the person would read "Kernel died", "Directory not found" or "Saving failed".
 */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { call, Refused } from './api';
import { el, safeHref } from './dom';
import { tellOfStop } from './idle';
import { standing, startAddress } from './standing';

const POLL_MS = 5000;
/** Between two looks at a server that seems to have stopped: a route may be missing for a moment. */
const AGAIN_MS = 1000;

/** Show a dialog alone, until it is answered or `over`: Lab's own complaints lie above ours, and tell the wrong story. */
async function alone(name: string, options: Partial<Dialog.IOptions<unknown>>, made?: (dialog: Dialog<unknown>) => void): Promise<boolean> {
  // It closes what has been made until now.
  Dialog.flush();
  const dialog = new Dialog({ ...options, hasClose: false });
  made?.(dialog);
  const keep = window.setInterval(() => document.querySelectorAll<HTMLElement>(`.jp-Dialog:not(.${name})`).forEach(node => node.remove()), 500);
  dialog.addClass(name);
  const accepted = await dialog.launch().then(result => result.button.accept, () => false);
  window.clearInterval(keep);
  return accepted;
}

function words(...paragraphs: string[]): Widget {
  return new Widget({ node: el('div', {}, ...paragraphs.map(text => el('p', {}, text))) });
}

export function watchAccess(app: JupyterFrontEnd, tracker: INotebookTracker | null): void {
  const home = () => safeHref(PageConfig.getOption('swapHome')) ?? '/';
  let over = false;
  let asking = false;
  let missed = 0;
  let stopped: Dialog<unknown> | null = null;
  let told = false;

  type Now = { access: string; stops_at: string | null };
  const keep = async () => tellOfStop((await call<Now>('access', {}, { method: 'POST' })).stops_at, keep);

  const end = async () => {
    over = true;
    const body = words(
      'You signed out in another window, or your access was ended.',
      'Your notebooks are saved up to the last save. What was running in them may go on until the server is stopped.'
    );
    await alone('swap-ended', { title: 'Your access has ended', body, buttons: [Dialog.okButton({ label: 'Sign in again' })] });
    window.location.assign(home());
  };

  const sayStopped = async () => {
    told = true;
    const body = words(
      'It was stopped from SWAP\u2019s pages, or because nobody did anything in it for long, or has ended by itself. What was running in your notebooks has ended with it.',
      'Your notebooks are saved up to the last save. If you changed something since, stay here and copy it before you leave.'
    );
    const buttons = [Dialog.cancelButton({ label: 'Stay here' }), Dialog.okButton({ label: 'Start it again' })];
    const start = await alone('swap-stopped', { title: 'Your server has stopped', body, buttons }, dialog => {
      stopped = dialog;
    });
    stopped = null;
    if (start) {
      window.location.assign(startAddress(home(), tracker?.currentWidget?.context.path ?? ''));
    }
  };

  const ask = async (): Promise<void> => {
    if (over || asking) {
      return;
    }
    asking = true;
    let status: number | null = null;
    try {
      tellOfStop((await call<Now>('access')).stops_at, keep);
      status = 200;
    } catch (error) {
      status = error instanceof Refused ? error.status : null;
    } finally {
      asking = false;
    }
    switch (standing(status)) {
      case 'live':
        missed = 0;
        told = false;
        stopped?.reject();
        return;
      case 'ended':
        return void (over || end());
      case 'stopped':
        missed += 1;
        if (missed === 1) {
          window.setTimeout(() => void ask(), AGAIN_MS);
        } else if (!told) {
          void sayStopped();
        }
        return;
      // Anything else: the network, or a gateway that is away. Lab says that itself.
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
