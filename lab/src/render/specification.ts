/** What a chart's specification may say, and how its title and width are read from it. */

export type Json = { [key: string]: unknown };

/** Return the specification without what could override our own options. */
export function harmless(spec: Json): Json {
  const { usermeta: _, ...safe } = spec;
  return safe;
}

/** Return title and sub-title of a specification as text, and the specification without them. */
export function titled(spec: Json): { title: string; subtitle: string; rest: Json } {
  const { title, ...rest } = spec;
  if (typeof title === 'string') {
    return { title, subtitle: '', rest };
  }
  if (title && typeof title === 'object' && !Array.isArray(title)) {
    const { text, subtitle } = title as Json;
    if (typeof text === 'string' && (subtitle === undefined || typeof subtitle === 'string')) {
      return { title: text, subtitle: (subtitle as string) ?? '', rest };
    }
  }
  return { title: '', subtitle: '', rest: spec };
}

/** Return the specification as wide as its cell, unless it says how wide it is or is made of several charts. */
export function sized(spec: Json): Json {
  const several = ['hconcat', 'vconcat', 'concat', 'facet', 'repeat'].some(name => name in spec) || usesFacets(spec);
  return several ? spec : { width: 'container', ...spec };
}

function usesFacets(spec: Json): boolean {
  const encoding = (spec.encoding ?? {}) as Json;
  return 'row' in encoding || 'column' in encoding || 'facet' in encoding;
}

/** Tell whether an address of a chart lies in the notebook: an image written out, or a place of the page. */
export function isInside(uri: string): boolean {
  return /^(data:image\/|#)/.test(uri);
}

/** Return the name of a chart's image. */
export function fileName(title: string): string {
  return `${title.replace(/[^\p{L}\p{N}]+/gu, '-')}.png`;
}

/** Colours of series, the first is the theme's own: each has a contrast of 4.5 to the page, for names at the ends of lines. */
const LIGHT = ['#177860', '#886425', '#bf3c2c', '#6a60b0', '#0e7490', '#a6437c', '#54595d', '#5b7100', '#8c4a1c'];
const DARK = ['#2cb491', '#d0a145', '#fd7865', '#a799cd', '#4fc3dd', '#e08dc1', '#a2a9b1', '#a9c23f', '#d2946a'];

/** Return the colours and lines of a theme as Vega-Lite takes them.  Marks have a colour that series may change. */
export function themed(value: (name: string, otherwise: string) => string, dark: boolean): Json {
  const text = value('--jp-ui-font-color1', '#202122');
  const quiet = value('--jp-ui-font-color2', '#54595d');
  const line = value('--jp-border-color2', '#c8ccd1');
  const brand = value('--jp-brand-color1', '#1976d2');
  const words = { labelColor: text, titleColor: quiet, titleFontWeight: 'normal' };
  return {
    background: 'transparent',
    font: value('--jp-ui-font-family', 'sans-serif'),
    axis: { ...words, gridColor: line, domain: false, tickColor: line, labelFontSize: 11, titleFontSize: 11 },
    axisQuantitative: { tickCount: 6 },
    legend: words,
    header: words,
    title: { color: text, subtitleColor: quiet, anchor: 'start' },
    view: { stroke: 'transparent' },
    // As `fill` or `stroke` it would win over the colours of series.
    mark: { color: brand },
    text: { color: text },
    rule: { color: text },
    range: { category: [brand, ...(dark ? DARK : LIGHT)] }
  };
}
