/**
 * One notebook in three states, cell by cell: as it was, mine and theirs; and what a person made of them.  Pure.
 *
 * What only one of the two changed is theirs to have without a question; nothing of either is left out that was not
 * chosen to be.
 */

export interface Cell {
  id?: string;
  cell_type: string;
  source: string | string[];
  metadata?: Record<string, unknown>;
  outputs?: unknown[];
  execution_count?: number | null;
  [name: string]: unknown;
}

export interface Notebook {
  cells: Cell[];
  metadata: Record<string, unknown>;
  nbformat: number;
  nbformat_minor: number;
}

export type Side = 'mine' | 'theirs';
/** Whose state of a cell is taken; both, mine first. */
export type Choice = Side | 'both';

/** A cell that mine and theirs have in different states, or that one of them has not got. */
export interface Difference {
  key: string;
  base: Cell | null;
  mine: Cell | null;
  theirs: Cell | null;
  /** Who changed it. */
  by: Choice;
  /** Whether what it says differs, or what it showed alone. */
  what: 'source' | 'outputs';
  /** What is chosen unless somebody chooses otherwise. */
  chosen: Choice;
}

export interface Merge {
  base: Notebook;
  mine: Notebook;
  theirs: Notebook;
  /** In the order in which the merged notebook has them. */
  differences: Difference[];
  /** Names of metadata of the notebook that both changed, and differently. */
  metadata: string[];
  /** Whose order of cells is taken; both, when each has moved some. */
  order: Choice;
}

/** Metadata that says nothing of what a notebook is, as `swap.content` has it. */
const VOLATILE = new Set(['trusted', 'execution', 'collapsed', 'signature', 'orig_nbformat', 'orig_nbformat_minor']);
/** Metadata that a kernel writes of itself as soon as it runs: nobody changed it. */
const KERNELS = 'language_info';
/** The first format in which cells have ids. */
const WITH_IDS = 5;

/** Compare two states with the one that they began as. */
export function merge(base: Notebook | null, mine: Notebook, theirs: Notebook): Merge {
  const began = base ?? { ...mine, cells: [], metadata: {} };
  const [was, my, their] = [began, mine, theirs].map(each => keyed(each.cells));
  const order = ordered(was, my, their);
  const differences = sequence(was, my, their, order === 'theirs' ? 'theirs' : 'mine').flatMap(key => {
    const found = difference(was.get(key) ?? null, my.get(key) ?? null, their.get(key) ?? null);
    return found ? [{ key, ...found }] : [];
  });
  return { base: began, mine, theirs, differences, metadata: inConflict(began, mine, theirs), order };
}

/** Return the source of a cell as one text. */
export function textOf(cell: Cell): string {
  return typeof cell.source === 'string' ? cell.source : cell.source.join('');
}

/** Return the notebook that was chosen; `choice` says of each difference, and of metadata by name, what was. */
export function merged(
  all: Merge,
  choice: (difference: Difference) => Choice,
  order: Side,
  metadata: (name: string) => Side,
  newId: () => string
): Notebook {
  const [was, my, their] = [all.base, all.mine, all.theirs].map(each => keyed(each.cells));
  const differences = new Map(all.differences.map(each => [each.key, each]));
  const minor = Math.max(all.mine.nbformat_minor, all.theirs.nbformat_minor);
  const cells = sequence(was, my, their, order).flatMap(key => {
    const found = differences.get(key);
    return found ? taken(found, choice(found)) : (my.get(key) ?? []);
  });
  return { ...all.mine, nbformat_minor: minor, metadata: both(all, metadata), cells: identified(cells, minor, newId) };
}

/** Return the states of a cell that were chosen: none for a side that has not got it. */
function taken({ mine, theirs }: Difference, choice: Choice): Cell[] {
  const wanted = choice === 'both' ? [mine, theirs] : [choice === 'mine' ? mine : theirs];
  return wanted.filter(cell => cell !== null);
}

/** Give a cell an id of its own where it has none, or one that a cell before it has. */
function identified(cells: Cell[], minor: number, newId: () => string): Cell[] {
  const used = new Set<string>();
  return cells.map(cell => {
    const made = minor >= WITH_IDS && (!cell.id || used.has(cell.id)) ? { ...cell, id: newId() } : cell;
    if (made.id) {
      used.add(made.id);
    }
    return made;
  });
}

/** Return cells by what they are known by: their id, or what they say in a format without ids. */
function keyed(cells: Cell[]): Map<string, Cell> {
  const found = new Map<string, Cell>();
  for (const cell of cells) {
    let key = cell.id ? `id ${cell.id}` : `source ${textOf(cell)}`;
    while (found.has(key)) {
      key += '+';
    }
    found.set(key, cell);
  }
  return found;
}

function difference(base: Cell | null, mine: Cell | null, theirs: Cell | null): Omit<Difference, 'key'> | null {
  const found = { base, mine, theirs };
  const source = compared(base, mine, theirs, said);
  if (source) {
    const chosen = source !== 'both' ? source : mine && theirs ? 'both' : mine ? 'mine' : 'theirs';
    return { ...found, by: source, what: 'source', chosen };
  }
  const outputs = compared(base, mine, theirs, showed);
  return outputs && { ...found, by: outputs, what: 'outputs', chosen: outputs === 'theirs' ? 'theirs' : 'mine' };
}

/** Return who changed something; null where mine and theirs are the same. */
function compared<T>(base: T, mine: T, theirs: T, as: (value: T) => string): Choice | null {
  const [was, my, their] = [base, mine, theirs].map(as);
  if (my === their) {
    return null;
  }
  return my === was ? 'theirs' : their === was ? 'mine' : 'both';
}

/** Return all that a cell is, but for what it showed. */
function said(cell: Cell | null): string {
  if (!cell) {
    return '';
  }
  const { id: _id, outputs: _outputs, execution_count: _count, ...rest } = cell;
  const metadata = Object.fromEntries(Object.entries(cell.metadata ?? {}).filter(([name]) => !VOLATILE.has(name)));
  return json({ ...rest, source: textOf(cell), metadata });
}

/** Return what a cell showed, whichever execution it was. */
function showed(cell: Cell | null): string {
  const outputs = (cell?.outputs ?? []) as Record<string, unknown>[];
  return json(outputs.map(({ execution_count: _count, ...output }) => output));
}

/** Return a value as text: the same for the same, in whichever order its names are. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    each && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each
  ) ?? '';
}

/** Return who moved cells that both have. */
function ordered(base: Map<string, Cell>, mine: Map<string, Cell>, theirs: Map<string, Cell>): Choice {
  const shared = [...mine.keys()].filter(key => theirs.has(key));
  const there = [...theirs.keys()].filter(key => mine.has(key));
  const began = (keys: string[]) => keys.filter(key => base.has(key));
  const was = [...base.keys()].filter(key => mine.has(key) && theirs.has(key));
  if (same(shared, there) || same(began(there), was)) {
    return 'mine';
  }
  return same(began(shared), was) ? 'theirs' : 'both';
}

function same(one: string[], other: string[]): boolean {
  return one.length === other.length && one.every((key, at) => key === other[at]);
}

/** Return all keys in the order of one side; what one of them has not got stands where the others have it. */
function sequence(base: Map<string, Cell>, mine: Map<string, Cell>, theirs: Map<string, Cell>, order: Side): string[] {
  const was = [...base.keys()];
  // What was deleted stands before what came into its place; of what both added at one place the first is theirs whose order it is.
  const [first, second] = (order === 'mine' ? [mine, theirs] : [theirs, mine]).map(side => woven([...side.keys()], was, true));
  return woven(first, second, false);
}

/** Return keys with those of another list, each of these behind the one that is before it there: at once, or behind what the first list alone has. */
function woven(keys: string[], others: string[], atOnce: boolean): string[] {
  const [have, there] = [new Set(keys), new Set(others)];
  const behind = new Map<string, string[]>([['', []]]);
  let last = '';
  for (const key of others) {
    if (have.has(key)) {
      last = key;
      behind.set(key, []);
    } else {
      behind.get(last)!.push(key);
    }
  }
  const found: string[] = [];
  let waiting = behind.get('')!;
  for (const key of keys) {
    if (atOnce || there.has(key)) {
      found.push(...waiting);
      waiting = behind.get(key) ?? [];
    }
    found.push(key);
  }
  return [...found, ...waiting];
}

function names(one: Notebook, other: Notebook): string[] {
  return [...new Set([...Object.keys(one.metadata), ...Object.keys(other.metadata)])].filter(name => !VOLATILE.has(name));
}

function inConflict(base: Notebook, mine: Notebook, theirs: Notebook): string[] {
  return names(mine, theirs).filter(name => name !== KERNELS && compared(base.metadata[name], mine.metadata[name], theirs.metadata[name], json) === 'both');
}

/** Return the notebook's metadata: of each name what one side changed, and what was chosen where both did. */
function both({ base, mine, theirs }: Merge, choice: (name: string) => Side): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const name of names(mine, theirs)) {
    const by = compared(base.metadata[name], mine.metadata[name], theirs.metadata[name], json);
    const told = name in mine.metadata ? 'mine' : 'theirs';
    const side = name === KERNELS ? told : by === 'both' ? choice(name) : by;
    const from = side === 'theirs' ? theirs : mine;
    if (name in from.metadata) {
      made[name] = from.metadata[name];
    }
  }
  return made;
}
