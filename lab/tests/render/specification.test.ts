import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileName, harmless, isInside, sized, themed, titled } from '../../src/render/specification';

test('what a chart says about its embedding is dropped, and nothing else', () => {
  const spec = { mark: 'bar', usermeta: { embedOptions: { loader: {}, ast: false } }, config: { a: 1 } };
  assert.deepEqual(harmless(spec), { mark: 'bar', config: { a: 1 } });
  assert.ok('usermeta' in spec, 'what the notebook holds stays as it is');
});

test('a title of text is taken out of the specification', () => {
  assert.deepEqual(titled({ title: 'Views', mark: 'bar' }), { title: 'Views', subtitle: '', rest: { mark: 'bar' } });
  assert.deepEqual(titled({ title: { text: 'Views', anchor: 'end' }, mark: 'bar' }), { title: 'Views', subtitle: '', rest: { mark: 'bar' } });
  assert.deepEqual(titled({ title: { text: 'Views', subtitle: 'top 2' } }), { title: 'Views', subtitle: 'top 2', rest: {} });
});

test('a title that is more than text is left to Vega', () => {
  for (const title of [undefined, null, 3, ['two', 'lines'], { text: ['two', 'lines'] }, { text: { expr: 'a' } }, { text: 'a', subtitle: ['b'] }]) {
    const spec = { title, mark: 'bar' };
    assert.deepEqual(titled(spec), { title: '', subtitle: '', rest: spec });
  }
});

test('a chart is as wide as its cell unless it says how wide it is', () => {
  assert.deepEqual(sized({ mark: 'bar', encoding: { x: {} } }), { width: 'container', mark: 'bar', encoding: { x: {} } });
  for (const width of [300, 'container', { step: 20 }, 0]) {
    assert.deepEqual(sized({ width }), { width });
  }
});

test('a chart made of several has no width of a cell', () => {
  for (const name of ['hconcat', 'vconcat', 'concat', 'facet', 'repeat']) {
    assert.deepEqual(sized({ [name]: [] }), { [name]: [] });
  }
  for (const channel of ['row', 'column', 'facet']) {
    const spec = { mark: 'bar', encoding: { [channel]: {} } };
    assert.deepEqual(sized(spec), spec);
  }
});

test('layers share one width', () => {
  assert.deepEqual(sized({ layer: [] }), { width: 'container', layer: [] });
});

test('a chart reaches nothing outside the notebook', () => {
  const inside = ['data:image/png;base64,AAAA', '#clip'];
  const outside = [
    '', 'x.png', '/swap/access', '//host/x', 'https://host/x', 'http://host/x', 'javascript:alert(1)', 'data:text/html,x', ' data:image/png,x',
    'DATA:text/html,x', 'x#y', 'blob:x', 'file:///x', 'https://host/\n#', 'https://host/\ndata:image/png,x'
  ];
  assert.deepEqual([inside.filter(isInside), outside.filter(isInside)], [inside, []]);
});

test('the name of an image holds letters and digits of any script, and nothing that is a path', () => {
  assert.deepEqual(['Views by country', '../../a b', 'Aufrufe, größte', '日本 1', ''].map(fileName), [
    'Views-by-country.png', '-a-b.png', 'Aufrufe-größte.png', '日本-1.png', '.png'
  ]);
});

test('a theme gives ten series ten colours, in light and dark, and no mark one that would win over them', () => {
  for (const dark of [false, true]) {
    // The dark theme of JupyterLab brings a blue of its own.
    const theme = themed((name, otherwise) => (dark && name === '--jp-brand-color1' ? '#2196f3' : otherwise), dark);
    const { category } = theme.range as { category: string[] };
    assert.equal(new Set(category).size, 10);
    assert.ok(!/"(fill|stroke)":"#/.test(JSON.stringify({ ...theme, view: null })), JSON.stringify(theme));
    for (const colour of category) {
      assert.ok(contrast(colour, dark ? '#111111' : '#ffffff') >= 4.5, `${colour} ${dark}`);
    }
  }
});

/** Return the contrast of two colours as WCAG has it. */
function contrast(a: string, b: string): number {
  const [light, shade] = [a, b].map(luminance).sort((one, other) => other - one);
  return (light + 0.05) / (shade + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16) / 255).map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
