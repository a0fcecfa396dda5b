/** What this person uses of what they may, in the status bar; all of it in a dialog. */
import { Dialog, Notification } from '@jupyterlab/apputils';
import type { IStatusBar } from '@jupyterlab/statusbar';
import { Widget } from '@lumino/widgets';
import { call } from './api';
import { el, icon } from './dom';
import { Line, lines, short, spoken, Use } from './use';

const POLL_MS = 5000;
const TITLE = 'What you use';

interface Now {
  use: Use;
  programs_ended: number;
}

export function addMeter(bar: IStatusBar): void {
  const button = el('button', { type: 'button', class: 'swap-use', 'aria-haspopup': 'dialog' });
  const item = new Widget({ node: el('div', {}, button) });
  item.addClass('jp-mod-highlighted');
  const table = new Widget({ node: el('div', { class: 'swap-use-all' }) });
  let all: Line[] = [];
  let ended: number | null = null;

  const draw = () => {
    item.setHidden(all.length === 0);
    const text = short(all) || 'Your use';
    if (button.textContent !== text) {
      button.replaceChildren(all.some(line => line.near) ? icon('error', 'l-warn') : '', text);
    }
    button.setAttribute('aria-label', spoken(all));
    table.node.replaceChildren(...details(all));
  };
  const ask = async (): Promise<void> => {
    // Nobody looks at a hidden window.
    if (document.hidden) {
      return;
    }
    const now = await call<Now>('use').catch(() => null);
    if (now) {
      all = lines(now.use);
      draw();
      if (ended !== null && now.programs_ended > ended) {
        Notification.error(PROGRAM_ENDED, { autoClose: false });
      }
      ended = now.programs_ended;
    }
  };

  button.addEventListener('click', () => {
    const dialog = new Dialog({ title: TITLE, body: new Widget({ node: table.node }), buttons: [Dialog.okButton({ label: 'Close' })] });
    dialog.node.setAttribute('aria-label', TITLE);
    void dialog.launch();
  });
  item.setHidden(true);
  bar.registerStatusItem('@swap/lab:meter', { item, align: 'left', rank: 100 });
  window.setInterval(() => void ask(), POLL_MS);
  document.addEventListener('visibilitychange', () => void ask());
  void ask();
}

const PROGRAM_ENDED =
  'A program of yours was ended: your programs met their limit of memory. It was started by a kernel or in a terminal; your kernels, terminals and their programs share the limit.';

function details(all: Line[]): HTMLElement[] {
  const rows = all.map(({ label, text, share, near }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, label),
      el('td', {}, text, near ? el('b', {}, ' nearly all') : null),
      el('td', {}, share === null ? null : el('meter', { min: 0, max: 1, high: 0.9, optimum: 0, value: share.toFixed(3), 'aria-label': `${label}: share of the limit` }))
    )
  );
  const limited = all.some(line => line.share !== null);
  const about = limited
    ? 'Your kernels, terminals and all programs that they start share these. A program that takes more memory than there is left is ended; one that needs another process, or room on the disk, gets an error.'
    : 'Of this server, its kernels and its terminals, without the programs that they start. Nothing limits it but the machine.';
  return [el('table', {}, el('caption', { class: 'swap-vh' }, TITLE), el('tbody', {}, ...rows)), el('p', {}, about)];
}
