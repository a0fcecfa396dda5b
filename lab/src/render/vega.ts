/** The chart libraries, loaded with the first chart only. */
export { default as embed } from 'vega-embed';
export { expressionInterpreter } from 'vega-interpreter';
export { loader } from 'vega';
