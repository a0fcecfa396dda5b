/**
 * A Vega-Lite 6 chart from the notebook alone: no address is loaded, no text is compiled, and what the
 * specification says about how to embed it is dropped.
 */
import { button, el } from '../dom';
import { hooks } from '../hooks';
import { SwapRenderer } from './base';
import { fileName, harmless, isInside, Json, sized, themed, titled } from './specification';

export const CHART = 'application/vnd.vegalite.v6+json';

type Drawn = { view: { toImageURL(type: string, scale?: number): Promise<string> }; finalize(): void };

function theme(node: HTMLElement): Json {
  const style = getComputedStyle(node);
  return themed((name, otherwise) => style.getPropertyValue(name).trim() || otherwise, document.body.dataset.jpThemeLight === 'false');
}

/** Wait until the theme's sheet is there: a notebook opened with the page is drawn before it is. */
async function dressed(node: HTMLElement): Promise<void> {
  for (let tries = 0; tries < 50 && !getComputedStyle(node).getPropertyValue('--jp-ui-font-color1'); tries++) {
    await new Promise(resolve => window.setTimeout(resolve, 100));
  }
}

async function refuse(): Promise<never> {
  throw new Error('A chart in SWAP loads nothing: its data must be in the notebook.');
}

export class Chart extends SwapRenderer {
  private _spec: Json | null = null;
  private _drawn: Drawn | null = null;
  private _latest = 0;
  private readonly _redraw = () => void this._draw();

  protected async fill(data: unknown): Promise<void> {
    this._spec = harmless(data as Json);
    hooks.themed.add(this._redraw);
    await this._draw();
  }

  dispose(): void {
    hooks.themed.delete(this._redraw);
    this._drawn?.finalize();
    super.dispose();
  }

  private async _draw(): Promise<void> {
    const spec = this._spec;
    if (!spec || this.isDisposed) {
      return;
    }
    // A change of theme may overtake a drawing that still waits for its libraries.
    const number = ++this._latest;
    const overtaken = () => this.isDisposed || number !== this._latest;
    const { title, subtitle, rest } = titled(spec);
    const host = el('div');
    const download = button('Download', { icon: 'download', quiet: true, label: 'Download the chart as an image' });
    const box = el(
      'div',
      { class: 'sq' },
      el('div', { class: 'sq-h' }, title ? el('b', {}, title) : null, subtitle ? el('span', { class: 's2' }, subtitle) : null, el('span', { class: 'end' }), download),
      el('div', { class: 'swap-chart' }, host)
    );
    this.node.replaceChildren(box);
    try {
      this._drawn?.finalize();
      this._drawn = null;
      const { embed, expressionInterpreter, loader } = await import('./vega');
      await dressed(this.node);
      if (overtaken()) {
        return;
      }
      const closed = loader();
      closed.load = refuse;
      closed.sanitize = async uri => {
        return isInside(uri) ? { href: uri } : refuse();
      };
      const drawn = await embed(host, sized(rest) as never, {
        mode: 'vega-lite',
        renderer: 'svg',
        ast: true,
        expr: expressionInterpreter as never,
        loader: closed,
        config: theme(this.node) as never,
        actions: false,
        defaultStyle: false,
        tooltip: { disableDefaultStyle: true }
      } as never);
      if (overtaken()) {
        drawn.finalize();
        return;
      }
      this._drawn = drawn as unknown as Drawn;
      host.querySelector('svg')?.setAttribute('aria-label', title || 'Chart');
      download.addEventListener('click', () => void save(this._drawn!, title || 'chart'));
    } catch (error) {
      download.remove();
      host.replaceChildren(el('p', { class: 's2' }, `The chart cannot be drawn. ${(error as Error).message}`));
    }
  }
}

async function save(drawn: Drawn, name: string): Promise<void> {
  const link = el('a', { href: await drawn.view.toImageURL('png', 2), download: fileName(name) });
  document.body.append(link);
  link.click();
  link.remove();
}
