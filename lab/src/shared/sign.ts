/**
 * A shared notebook that is open: whose it is and what may be done with it, at its head.
 *
 * It is looked at again and again while somebody looks: what may not be seen any more is gone from the page.
 */
import { showErrorMessage } from '@jupyterlab/apputils';
import type { ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { call, Refused } from '../api';
import { button, el, icon, Icon } from '../dom';
import { HIDDEN } from '../render/hidden';
import { portal, SharedDrive, Standing } from './drive';
import { mayEdit } from './path';
import { Cell, Content, Home, keepCopy, saySaves } from './saves';

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
export async function watch(panel: NotebookPanel, drive: SharedDrive, notebook: string, home: Home): Promise<void> {
  const sign = new Sign();
  const { context } = panel;
  const { model } = context;
  let over = false;
  let looking = false;
  /** Whether what they write may have been meant to be saved. */
  let edits = false;

  const keep = () => {
    const button_ = button('Keep what you wrote as a copy');
    button_.addEventListener('click', () => {
      keepCopy(context, drive, notebook, home).then(
        path => {
          if (over) {
            empty();
          }
          home.open(path);
        },
        (error: Error) => void showErrorMessage('No copy was saved', error)
      );
    });
    return button_;
  };
  const tell = (now: Standing) => {
    const seen = drive.said(notebook) ?? now;
    edits ||= mayEdit(seen.role);
    const page = el('a', { href: portal(notebook), target: '_blank', rel: 'noopener' }, 'its page in SWAP');
    if (mayEdit(seen.role)) {
      const hidden = seen.hidden ? ' Outputs that are hidden from you stay as they are.' : '';
      sign.say('info', `${now.owner} shares this with you, to edit. This is version ${seen.shown}; what you save is the next one, for all who may open it.${hidden} See `, page, '.');
    } else {
      sign.say('info', `${now.owner} shares this with you, to view. You may run it in a kernel of your own; nothing is saved. To keep what you change, fork it on `, page, '.');
    }
    if (now.version !== seen.shown) {
      const load = button(`Show version ${now.version}`);
      load.addEventListener('click', () => void context.revert().then(() => tell(drive.said(notebook) ?? now)));
      sign.offer(mayEdit(seen.role) ? `Version ${now.version} is newer.` : `This is version ${seen.shown}.`, load);
    }
    if (!mayEdit(seen.role) && model.dirty) {
      sign.offer('You may edit it no longer.', keep());
    }
  };
  const empty = () => {
    panel.content.addClass('swap-gone');
    // Also what the editors could bring back.
    model.fromJSON({ cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 });
    model.sharedModel.clearUndoHistory();
    model.dirty = false;
  };
  const gone = () => {
    over = true;
    const words = 'You may not see this notebook any more: it is shared with you no longer, or was deleted. What runs in your kernel goes on.';
    if (!model.dirty) {
      empty();
      sign.say('lock', words);
      return;
    }
    // What they wrote is theirs.
    conceal(panel, () => true);
    sign.say('lock', words);
    sign.offer('What you wrote was not saved.', keep());
  };
  /** Show what may be seen now; what was written and not saved stays. */
  const renew = async (now: Standing) => {
    if (!model.dirty) {
      await context.revert();
      return;
    }
    const { content } = await call<{ content: Content }>(`shared/${notebook}/version`);
    const open = new Set(content.cells.filter(cell => !isHidden(cell)).map(cell => cell.id));
    conceal(panel, id => !open.has(id));
    drive.follow(notebook, { key: now.key, role: now.role, hidden: now.hidden });
  };
  const look = async () => {
    const seen = drive.said(notebook);
    if (over || looking || document.hidden || !seen) {
      return;
    }
    looking = true;
    try {
      const now = await call<Standing>(`shared/${notebook}`, { version: String(seen.shown) });
      // It may have been saved meanwhile.
      if (drive.said(notebook) === seen) {
        if (now.key !== seen.key || mayEdit(now.role) !== mayEdit(seen.role)) {
          await renew(now);
        }
        tell(now);
      }
    } catch (error) {
      if (error instanceof Refused && error.status === 404) {
        gone();
      }
    } finally {
      looking = false;
    }
  };

  panel.contentHeader.addWidget(sign);
  saySaves(context, drive, notebook, home);
  await context.ready;
  const first = drive.said(notebook);
  if (panel.isDisposed || !first) {
    return;
  }
  edits = mayEdit(first.role);
  // What cannot be saved is not asked about when it is closed.
  const clean = () => {
    if (model.dirty && !edits) {
      model.dirty = false;
    }
  };
  clean();
  model.stateChanged.connect(clean);
  context.saveState.connect((_, state) => {
    const now = drive.said(notebook);
    if (state === 'completed' && now) {
      tell(now);
    }
  });
  tell(first);
  const again = window.setInterval(() => void look(), LOOK_MS);
  const back = () => void look();
  document.addEventListener('visibilitychange', back);
  panel.disposed.connect(() => {
    window.clearInterval(again);
    document.removeEventListener('visibilitychange', back);
  });
}

function isHidden(cell: Cell): boolean {
  return (cell.outputs ?? []).some(output => HIDDEN in (output.data ?? {}));
}

/** Take the outputs of some cells, by their ids, from the page. */
function conceal(panel: NotebookPanel, which: (id: string) => boolean): void {
  for (const { model } of panel.content.widgets) {
    if (model.type === 'code' && which(model.id)) {
      (model as ICodeCellModel).clearExecution();
    }
  }
  panel.context.model.sharedModel.clearUndoHistory();
}
