/** How the notebook in front was saved last, in the status bar: as which version, or on this machine only. */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IStatusBar } from '@jupyterlab/statusbar';
import { Widget } from '@lumino/widgets';
import { call } from './api';
import { el, icon } from './dom';
import { pageOf } from './pages';
import { explained, said, Saved } from './version';

const POLL_MS = 5000;
const NOT_YET: Saved = { version: null, why: null, warning: '' };

export function addSaved(bar: IStatusBar, tracker: INotebookTracker): void {
  const link = el('a', { class: 'swap-saved', target: '_blank', rel: 'noopener' });
  const item = new Widget({ node: el('div', { role: 'status' }, link) });
  const known = new Map<NotebookPanel, Saved>();

  const draw = () => {
    const panel = tracker.currentWidget;
    const saved = (panel && known.get(panel)) ?? NOT_YET;
    const text = said(saved);
    item.setHidden(!text);
    if (panel && link.textContent !== text) {
      link.replaceChildren(saved.version === null || saved.warning ? icon('error', 'l-warn') : '', text);
    }
    link.title = explained(saved);
    link.href = pageOf('history', panel?.context.path ?? '');
  };
  const ask = async (panel: NotebookPanel): Promise<void> => {
    const saved = await call<Saved>('saved', { path: panel.context.localPath }).catch(() => null);
    if (saved && !panel.isDisposed) {
      known.set(panel, saved);
      draw();
    }
  };

  tracker.widgetAdded.connect((_, panel) => {
    panel.context.saveState.connect((_context, state) => {
      if (state === 'completed') {
        void ask(panel);
      }
    });
    panel.disposed.connect(() => known.delete(panel));
    void ask(panel);
  });
  tracker.currentChanged.connect(draw);
  window.setInterval(() => {
    // What is on this machine only becomes a version without another save.
    const panel = tracker.currentWidget;
    if (!document.hidden && panel && known.get(panel)?.why) {
      void ask(panel);
    }
  }, POLL_MS);
  item.setHidden(true);
  bar.registerStatusItem('@swap/lab:saved', { item, align: 'right', rank: 10 });
}
