/**
 * A shared notebook that is open: whose it is and what may be done with it, at its head.
 *
 * It is looked at again and again while somebody looks: what may not be seen any more is gone from the page.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { call, Refused } from '../api';
import { button, el, icon, Icon } from '../dom';
import { portal, SharedDrive, Standing } from './drive';

const LOOK_MS = 3000;

/** A line at the head of a notebook, as high as what it says. */
class Sign extends Widget {
  private readonly line = el('div', { class: 'swap-sign', role: 'status' });
  private readonly watched = new ResizeObserver(() => {
    this.node.style.minHeight = `${this.line.offsetHeight}px`;
    this.parent?.fit();
  });

  constructor() {
    super();
    this.node.append(this.line);
    this.watched.observe(this.line);
  }

  dispose(): void {
    this.watched.disconnect();
    super.dispose();
  }

  say(sign: Icon, ...parts: (Node | string)[]): void {
    this.line.replaceChildren(icon(sign), el('span', { class: 'swap-sign-t' }, ...parts));
  }

  offer(text: string, action: HTMLButtonElement): void {
    this.line.append(el('span', {}, text), action);
  }
}

/** Put the sign at the head of a notebook, and keep to what its person may see. */
export async function watch(panel: NotebookPanel, drive: SharedDrive, notebook: string): Promise<void> {
  const sign = new Sign();
  const { context } = panel;
  let over = false;
  let looking = false;

  const tell = (now: Standing) => {
    const seen = drive.said(notebook) ?? now;
    const page = el('a', { href: portal(notebook), target: '_blank', rel: 'noopener' }, 'its page in SWAP');
    sign.say('info', `${now.owner} shares this with you, to view. You may run it in a kernel of your own; nothing is saved. To keep what you change, fork it on `, page, '.');
    if (now.version !== seen.shown) {
      const load = button(`Show version ${now.version}`);
      load.addEventListener('click', () => void context.revert().then(() => tell(drive.said(notebook) ?? now)));
      sign.offer(`This is version ${seen.shown}.`, load);
    }
  };
  const gone = () => {
    over = true;
    panel.content.addClass('swap-gone');
    // Also what the editors could bring back.
    context.model.fromJSON({ cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 });
    context.model.sharedModel.clearUndoHistory();
    context.model.dirty = false;
    sign.say('lock', 'You may not see this notebook any more: it is shared with you no longer, or was deleted. What runs in your kernel goes on.');
  };
  const look = async () => {
    const seen = drive.said(notebook);
    if (over || looking || document.hidden || !seen) {
      return;
    }
    looking = true;
    try {
      const now = await call<Standing>(`shared/${notebook}`, { version: String(seen.shown) });
      if (now.key !== seen.key) {
        await context.revert();
      }
      tell(now);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) {
        gone();
      }
    } finally {
      looking = false;
    }
  };

  panel.contentHeader.addWidget(sign);
  await context.ready;
  const first = drive.said(notebook);
  if (panel.isDisposed || !first) {
    return;
  }
  // Nothing of it can be saved, so nobody is asked about it.
  const model = context.model;
  const clean = () => {
    if (model.dirty) {
      model.dirty = false;
    }
  };
  clean();
  model.stateChanged.connect(clean);
  tell(first);
  const again = window.setInterval(() => void look(), LOOK_MS);
  const back = () => void look();
  document.addEventListener('visibilitychange', back);
  panel.disposed.connect(() => {
    window.clearInterval(again);
    document.removeEventListener('visibilitychange', back);
  });
}
