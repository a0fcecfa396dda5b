/**
 * plotly's figures, drawn by the renderer that plotly itself brings into the notebooks' environment.  It is 5 MB, and
 * so loaded with the first figure only, from the person's own server.
 */
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ServerConnection } from '@jupyterlab/services';
import { Panel } from '@lumino/widgets';

export const PLOTLY = 'application/vnd.plotly.v1+json';
const NAME = 'jupyterlab-plotly';

interface Container {
  init(scope: unknown): Promise<void>;
  get(module: string): Promise<() => { __esModule?: boolean; default?: unknown }>;
}
declare const __webpack_share_scopes__: { default: unknown };

let loading: Promise<IRenderMime.IRendererFactory> | null = null;

export class PlotlyFigure extends Panel implements IRenderMime.IRenderer {
  private _figure: IRenderMime.IRenderer | null = null;

  constructor(private readonly _options: IRenderMime.IRendererOptions) {
    super();
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    let factory: IRenderMime.IRendererFactory;
    try {
      loading ??= load();
      factory = await loading;
    } catch (error) {
      loading = null;
      this._fail('its library did not load. Run the cell again.', error);
      return;
    }
    try {
      if (!this._figure) {
        this.node.replaceChildren();
        this._figure = factory.createRenderer(this._options);
        this.addWidget(this._figure);
      }
      await this._figure.renderModel(model);
    } catch (error) {
      this._fail('plotly cannot read it.', error);
    }
  }

  /** Say why there is no figure; the next one begins anew. */
  private _fail(why: string, error: unknown): void {
    console.error(error);
    this._figure?.dispose();
    this._figure = null;
    this.node.textContent = `This figure of plotly cannot be drawn: ${why}`;
  }
}

async function load(): Promise<IRenderMime.IRendererFactory> {
  const base = URLExt.join(PageConfig.getBaseUrl(), 'swap', 'plotly');
  const answer = await ServerConnection.makeRequest(URLExt.join(base, 'package.json'), {}, ServerConnection.makeSettings());
  await script(URLExt.join(base, (await answer.json()).jupyterlab._build.load));
  const container = (window as unknown as { _JUPYTERLAB: Record<string, Container> })._JUPYTERLAB[NAME];
  await container.init(__webpack_share_scopes__.default);
  const module = (await container.get('./mimeExtension'))();
  // As Lab itself reads it: one extension or several, of a module of either kind.
  const extensions = [module.__esModule ? module.default : module].flat() as IRenderMime.IExtension[];
  return extensions.find(each => each.rendererFactory.mimeTypes.includes(PLOTLY))!.rendererFactory;
}

function script(source: string): Promise<void> {
  return new Promise((done, failed) => {
    const node = document.createElement('script');
    node.src = source;
    node.onload = () => done();
    node.onerror = () => failed(new Error(`${source} did not load`));
    document.head.appendChild(node);
  });
}
