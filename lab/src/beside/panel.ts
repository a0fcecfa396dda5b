/** The panel "Notebook on SWAP": what there is to know about the notebook in front.  It asks only while it is seen. */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { PageConfig } from '@jupyterlab/coreutils';
import { Widget } from '@lumino/widgets';
import { call, Refused } from '../api';
import { button, el } from '../dom';
import { pageOf } from '../pages';
import { portal } from '../shared/drive';
import { sharedId } from '../shared/path';
import { draw, Ways } from './draw';
import type { Told } from './model';

const NONE = 'Open a notebook: its history, its comments and its readers are here then.';
const NEW = 'It has no version yet. Save it, and its history begins.';
/** A notebook that is saved again and again is asked about once. */
const CALM_MS = 300;

export class BesidePanel extends Widget {
  private readonly again = button('', { icon: 'again', quiet: true, label: 'Ask SWAP again', title: 'Ask SWAP again' });
  private readonly name = el('p', { class: 'bs-n' });
  private readonly said = el('div', { class: 'bs-said', role: 'status' });
  private readonly content = el('div', { class: 'bs-w' });
  private readonly watched = new WeakSet<NotebookPanel>();
  private asked = 0;
  private waiting = 0;
  /** Whether what is shown is what there is, as far as is known here. */
  private fresh = false;

  constructor(private readonly tracker: INotebookTracker) {
    super();
    this.id = 'swap-beside';
    this.title.caption = 'Notebook on SWAP';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Notebook on SWAP');
    this.node.append(el('div', { class: 'bs-h' }, el('h2', {}, 'Notebook on SWAP'), this.again), this.name, this.said, this.content);
    this.again.addEventListener('click', () => void this.refresh());
    tracker.currentChanged.connect((_, panel) => {
      this.watch(panel);
      this.changed();
    });
    this.watch(tracker.currentWidget);
  }

  protected onAfterShow(): void {
    if (!this.fresh) {
      void this.refresh();
    }
  }

  /** Hear of each save of a notebook that has been in front. */
  private watch(panel: NotebookPanel | null): void {
    if (!panel || this.watched.has(panel)) {
      return;
    }
    this.watched.add(panel);
    const changed = () => panel === this.tracker.currentWidget && this.changed();
    panel.context.saveState.connect((_, state) => state === 'completed' && changed());
    panel.context.pathChanged.connect(changed);
  }

  private changed(): void {
    this.fresh = false;
    window.clearTimeout(this.waiting);
    if (this.isVisible) {
      this.waiting = window.setTimeout(() => void this.refresh(), CALM_MS);
    }
  }

  /** Ask what there is to know, and show it. */
  private async refresh(): Promise<void> {
    const mine = ++this.asked;
    const panel = this.tracker.currentWidget;
    this.fresh = true;
    this.name.textContent = panel?.title.label ?? '';
    if (!panel) {
      this.put([], NONE);
      return;
    }
    const waiting = window.setTimeout(() => this.say('Asking SWAP…'), CALM_MS);
    try {
      const told = await ask(panel.context.path, panel.context.localPath);
      if (mine === this.asked) {
        this.put(draw(told, ways(told, panel)), '');
      }
    } catch (error) {
      if (mine === this.asked) {
        const gone = error instanceof Refused && error.status === 404;
        this.fresh = gone;
        this.put([], gone ? (sharedId(panel.context.path) === null ? NEW : error.message) : why(error));
      }
    } finally {
      window.clearTimeout(waiting);
    }
  }

  private put(sections: HTMLElement[], text: string): void {
    // Whoever reads here by keyboard stays where they were.
    const held = this.content.contains(document.activeElement) ? document.activeElement!.getAttribute('aria-label') ?? document.activeElement!.textContent : null;
    this.content.replaceChildren(...sections);
    this.say(text);
    if (held) {
      const same = [...this.content.querySelectorAll<HTMLElement>('a, button')].find(each => (each.getAttribute('aria-label') ?? each.textContent) === held);
      same?.focus();
    }
  }

  private say(text: string): void {
    this.said.textContent = text;
  }
}

function why(error: unknown): string {
  return error instanceof Refused ? error.message : 'Your server does not answer.';
}

function ask(path: string, localPath: string): Promise<Told> {
  const notebook = sharedId(path);
  return notebook === null ? call<Told>('own', { path: localPath }) : call<Told>(`shared/${notebook}/beside`);
}

/** Return where the links lead. */
function ways(told: Told, panel: NotebookPanel): Ways {
  const { content: notebook, context } = panel;
  const with_ = (address: string, query: Record<string, string> = {}) => {
    const url = new URL(address);
    Object.entries(query).forEach(([name, value]) => url.searchParams.set(name, value));
    return url.href;
  };
  return {
    page: (step = '', query) => with_(portal(told.notebook, step && `/${step}`), query),
    of: notebook => portal(notebook),
    history: (step = '', query) => with_(pageOf(step ? `history/${step}` : 'history', context.localPath), query),
    table: names => new URL(`/data/${names.map(encodeURIComponent).join('/')}`, PageConfig.getOption('swapHome')).href,
    cells: () => notebook.widgets.map(each => each.model.id),
    jump: place => {
      notebook.deselectAll();
      notebook.activeCellIndex = place - 1;
      void notebook.scrollToItem(place - 1, 'smart').then(() => notebook.activate());
    },
    active: () => notebook.activeCell?.model.id ?? ''
  };
}
