// A Vega-Lite chart that loads nothing and compiles no text: expressions are interpreted, addresses refused.
import embed from 'vega-embed';
import { loader } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { colour, drawn, place, specification } from './page.js';

const refuse = async () => { throw new Error('A chart in SWAP loads nothing: its data must be in the notebook.'); };

drawn(async () => {
  const closed = Object.assign(loader(), { load: refuse, sanitize: refuse });
  // What a specification says about how to embed it would win over what is said here.
  const { usermeta: _, ...rest } = specification();
  const text = colour('color-base');
  const quiet = { labelColor: text, titleColor: text };
  await embed(place, rest, {
    mode: 'vega-lite',
    renderer: 'svg',
    ast: true,
    expr: expressionInterpreter,
    loader: closed,
    config: { background: 'transparent', axis: quiet, legend: quiet, header: quiet, title: { color: text }, text: { color: text }, view: { stroke: 'transparent' } },
    actions: false,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  });
});
