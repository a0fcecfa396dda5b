/**
 * Says that access has ended, that the server has stopped or soon will be, or that SWAP is out of reach, in SWAP's words.
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
import { type Standing, standing, startAddress } from './standing';

const POLL_MS = 5000;
/** Between two looks at what seems to have stopped, or to be away: a route may be missing for a moment. */
const AGAIN_MS = 1000;
/** After which no answer is one: a tunnel that hangs never says so. */
const SILENT_MS = 15000;

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
  let seen: Standing = 'live';
  let since = 0;
  let told: Standing = 'live';
  let shown: Dialog<unknown> | null = null;

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

  const say = (name: string, options: Partial<Dialog.IOptions<unknown>>) => alone(name, options, dialog => (shown = dialog));

  const sayStopped = async () => {
    const body = words(
      'It was stopped from SWAP\u2019s pages, or because nobody did anything in it for long, or has ended by itself. What was running in your notebooks has ended with it.',
      'Your notebooks are saved up to the last save. If you changed something since, stay here and copy it before you leave.'
    );
    const buttons = [Dialog.cancelButton({ label: 'Stay here' }), Dialog.okButton({ label: 'Start it again' })];
    if (await say('swap-stopped', { title: 'Your server has stopped', body, buttons })) {
      window.location.assign(startAddress(home(), tracker?.currentWidget?.context.path ?? ''));
    }
  };

  const sayLost = () => {
    const body = words(
      'Nothing is heard from it: your SSH tunnel has ended, the network is away, or SWAP itself is. What runs in your notebooks goes on if SWAP does.',
      'Your notebooks are saved up to the last save. Stay here; this goes when SWAP answers again.'
    );
    return say('swap-lost', { title: 'SWAP does not answer', body, buttons: [Dialog.cancelButton({ label: 'Stay here' })] });
  };

  const ask = async (): Promise<void> => {
    if (over || asking) {
      return;
    }
    asking = true;
    let status: number | null = null;
    try {
      tellOfStop((await call<Now>('access', {}, { signal: AbortSignal.timeout(SILENT_MS) })).stops_at, keep);
      status = 200;
    } catch (error) {
      status = error instanceof Refused ? error.status : null;
    } finally {
      asking = false;
    }
    const before = seen;
    seen = standing(status);
    switch (seen) {
      case 'live':
        told = 'live';
        if (shown && !shown.isDisposed) {
          shown.reject();
          // What Lab complained of meanwhile, a save that failed, waits behind ours; it saves again by itself.
          Dialog.flush();
        }
        return;
      case 'ended':
        return void (over || end());
      case 'stopped':
      case 'lost':
        if (before !== seen) {
          since = Date.now();
          window.setTimeout(() => void ask(), AGAIN_MS);
        } else if (told !== seen && Date.now() - since >= AGAIN_MS) {
          told = seen;
          void (seen === 'lost' ? sayLost() : sayStopped());
        }
        return;
      // Anything else: something between that is not itself. Lab says that in its own words.
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
