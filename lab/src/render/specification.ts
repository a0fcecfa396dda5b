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
