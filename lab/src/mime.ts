/** Our renderers.  Ranks: ours (30) before HTML (50), images (90) and text. All safe: text only, no HTML. */
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { SwapRenderer } from './render/base';
import { Chart, CHART } from './render/chart';
import { ERROR, ErrorBox } from './render/error';
import { HIDDEN, HiddenOutputs } from './render/hidden';
import { PLOTLY, PlotlyFigure } from './render/plotly';
import { Progress, PROGRESS } from './render/progress';
import { RESULT, ResultTable } from './render/result';

function extension(name: string, mime: string, make: new (mime: string) => SwapRenderer): IRenderMime.IExtension {
  return {
    id: `@swap/lab:${name}`,
    rendererFactory: { safe: true, mimeTypes: [mime], createRenderer: options => new make(options.mimeType) },
    rank: 30,
    dataType: 'json'
  };
}

const plotly: IRenderMime.IExtension = {
  id: '@swap/lab:plotly',
  rendererFactory: { safe: true, mimeTypes: [PLOTLY], createRenderer: options => new PlotlyFigure(options) },
  rank: 30,
  dataType: 'json'
};

export default [
  extension('progress', PROGRESS, Progress),
  extension('result', RESULT, ResultTable),
  extension('error', ERROR, ErrorBox),
  extension('chart', CHART, Chart),
  extension('hidden', HIDDEN, HiddenOutputs),
  plotly
];
