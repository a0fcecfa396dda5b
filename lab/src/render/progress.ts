/**
 * A query that runs: what it does now, on a time axis, and Cancel that stops it at the source.
 *
 * Lab draws every update into the same widget.  A notebook saved while a query ran holds this output too:
 * so the first drawing asks the server whether the query still runs.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import { queries, Refused, Run } from '../api';
import { button, el, icon, ring } from '../dom';
import { seconds } from '../format';
import { panelOf } from '../hooks';
import { left, meanwhile, runs, whereCancelStops } from '../timeline';
import { waterfall } from '../waterfall';
import { SwapRenderer } from './base';

export const PROGRESS = 'application/vnd.swap.progress+json';
const TICK_MS = 200;
const SILENCE_MS = 15000;
/** What a kernel's status is when what it ran has ended with it. */
const ENDS_OF_KERNEL = new Set(['restarting', 'autorestarting', 'terminating', 'dead']);

/** A run as its cell has it: with the name of the variable that the result goes to. */
interface Shown extends Run {
  name?: string | null;
}

/** Take everything out of a node but one of its children, which never leaves the page. */
function keepOnly(node: HTMLElement, kept: HTMLElement): void {
  for (const child of [...node.childNodes]) {
    if (child !== kept) {
      child.remove();
    }
  }
}

export class Progress extends SwapRenderer {
  private _run: Shown | null = null;
  private _heard = 0;
  private _updates = 0;
  private _left: string | null = null;
  private _restarted = false;
  private _watched: ISessionContext | null = null;
  private _cancelling: 'no' | 'asked' | 'failed' = 'no';
  private _timer = 0;
  private readonly _said = el('p', { class: 'swap-vh', role: 'status', 'aria-live': 'polite' });
  private readonly _box = el('div', { class: 'sq' });
  private readonly _head = el('div', { class: 'sq-h' });
  private _cancel: HTMLButtonElement | null = null;

  protected fill(data: unknown): void {
    this._run = data as Shown;
    this._heard = performance.now();
    this._updates += 1;
    this._left = null;
    this._restarted = false;
    if (!this._box.isConnected) {
      this.node.replaceChildren(this._said, this._box);
    }
    if (this._updates === 1 && this._runs()) {
      void this._askWhetherItRuns();
    }
    this._draw();
    if (!this._timer && this._runs()) {
      this._timer = window.setInterval(() => this._tick(), TICK_MS);
    }
  }

  protected onAfterAttach(): void {
    // The output is in its cell one moment after it is in the page.
    window.requestAnimationFrame(() => {
      this._watched = this._watched ?? panelOf(this.node)?.sessionContext ?? null;
      this._watched?.statusChanged.connect(this._heardOfKernel, this);
    });
  }

  /** A kernel that was restarted, or has died, tells nothing more of what it ran.  What becomes of that is the gateway's. */
  private _heardOfKernel(_: unknown, status: string): void {
    if (ENDS_OF_KERNEL.has(status) && this._runs() && this._left === null && !this.isDisposed) {
      this._restarted = true;
      this._left = '';
      this._draw();
    }
  }

  dispose(): void {
    this._watched?.statusChanged.disconnect(this._heardOfKernel, this);
    window.clearInterval(this._timer);
    super.dispose();
  }

  private _runs(): boolean {
    return runs(this._run?.state);
  }

  private _now(): number {
    const run = this._run!;
    return this._runs() && this._left === null ? run.elapsed + (performance.now() - this._heard) / 1000 : run.elapsed;
  }

  private _tick(): void {
    if (this.isDisposed || !this._runs() || this._left !== null) {
      window.clearInterval(this._timer);
      this._timer = 0;
      return;
    }
    if (performance.now() - this._heard > SILENCE_MS) {
      // The kernel says nothing any more: it may have died. The query's own state is the gateway's.
      this._run!.elapsed = this._now();
      this._heard = performance.now();
      void this._askWhetherItRuns();
    }
    if (this.isVisible) {
      this._draw();
    }
  }

  private async _askWhetherItRuns(): Promise<void> {
    const updates = this._updates;
    let now: Run | null = null;
    try {
      now = await queries.state(this._run!.id);
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 500) {
        return; // nobody knows; the next update or question will tell
      }
    }
    if (this.isDisposed || updates !== this._updates) {
      return; // the kernel spoke meanwhile: it is alive
    }
    if (now && runs(now.state)) {
      this._run = { ...now, name: this._run!.name };
      this._heard = performance.now();
    } else {
      this._left = meanwhile(now?.state);
    }
    this._draw();
  }

  private _draw(): void {
    const run = this._run!;
    if (this._left !== null) {
      const what = this._restarted ? 'The kernel was restarted' : 'Was running when saved';
      this._box.replaceChildren(
        el('div', { class: 'sq-h' }, ring(false), el('b', {}, what), this._left ? el('span', { class: 's2' }, this._left) : null),
        el('div', { class: 'sq-f' }, el('span', {}, `${this._restarted ? 'The query ends after a minute, unless it was started with keep=True. ' : ''}Run the cell again to get its result.`))
      );
      this._say(this._restarted ? 'The kernel was restarted; the query ends after a minute, unless it was started with keep=True.' : 'The query was running when this notebook was saved.');
      return;
    }
    const now = this._now();
    const cancelled = run.state === 'cancelled';
    // The button stays in the page: a press that a redrawing takes the button from is no click.
    this._cancel ??= this._cancelButton();
    if (!this._head.isConnected) {
      this._head.replaceChildren(this._cancel);
      this._box.replaceChildren(this._head);
    }
    keepOnly(this._head, this._cancel);
    this._cancel.hidden = !this._runs();
    this._cancel.before(
      this._runs() ? ring(true) : icon(run.state === 'done' ? 'done' : cancelled ? 'close' : 'error', run.state === 'done' ? 'l-ok' : cancelled ? '' : 'l-bad', run.state),
      el('b', {}, this._cancelling === 'asked' && this._runs() ? 'Cancelling' : run.headline),
      el('span', {}, seconds(now)),
      el('span', { class: 's2' }, this._runs() ? left(run, now) : ''),
      el('span', { class: 'end' })
    );
    const note = run.note || this._where();
    keepOnly(this._box, this._head);
    this._head.after(waterfall(run.stages, now), ...(note ? [el('div', { class: 'sq-f' }, el('span', {}, note))] : []));
    this._say(run.headline);
  }

  /** Say to a screen reader what is new, not every number. */
  private _say(text: string): void {
    if (this._said.textContent !== text) {
      this._said.textContent = text;
    }
  }

  private _where(): string {
    if (this._cancelling === 'failed') {
      return 'SWAP could not be told to cancel. Press again to interrupt the kernel.';
    }
    return this._runs() ? whereCancelStops(this._run!.stages) : '';
  }

  private _cancelButton(): HTMLButtonElement {
    const node = button('Cancel', { icon: 'close' });
    node.addEventListener('click', () => void this._stop(node));
    return node;
  }

  private async _stop(node: HTMLButtonElement): Promise<void> {
    if (this._cancelling !== 'no') {
      await panelOf(this.node)?.sessionContext.session?.kernel?.interrupt();
      return;
    }
    this._cancelling = 'asked';
    node.lastChild!.textContent = 'Interrupt kernel';
    node.title = 'Cancel was asked for. Press again to interrupt the kernel as well.';
    this._draw();
    try {
      await queries.cancel(this._run!.id);
    } catch {
      this._cancelling = 'failed';
      this._draw();
    }
  }
}
