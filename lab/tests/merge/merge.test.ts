import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beside } from '../../src/merge/lines';
import { Cell, Choice, Difference, merge, merged, Notebook, Side, textOf } from '../../src/merge/merge';

function cell(id: string, source = id, ...outputs: string[]): Cell {
  return { id, cell_type: 'code', source, metadata: {}, execution_count: null, outputs: outputs.map(text => ({ output_type: 'stream', name: 'stdout', text })) };
}

function notebook(cells: (Cell | string)[], metadata: Record<string, unknown> = {}): Notebook {
  return { cells: cells.map(each => (typeof each === 'string' ? cell(each) : each)), metadata, nbformat: 4, nbformat_minor: 5 };
}

let made = 0;
const newId = () => `new${++made}`;

/** Return what becomes of it, as it is chosen before anybody chooses. */
function settled(base: Notebook | null, mine: Notebook, theirs: Notebook, choice: (each: Difference) => Choice = each => each.chosen): Notebook {
  const all = merge(base, mine, theirs);
  return merged(all, choice, all.order === 'theirs' ? 'theirs' : 'mine', () => 'mine', newId);
}

const sources = (made: Notebook) => made.cells.map(textOf);

test('what one side alone changed, added or deleted is chosen', () => {
  const base = notebook(['a', 'b', 'c', 'd']);
  const mine = notebook([cell('a', 'a of mine'), 'b', 'x', 'd']);
  const theirs = notebook(['a', cell('b', 'b of theirs'), 'c', 'y']);
  assert.deepEqual(sources(settled(base, mine, theirs)), ['a of mine', 'b of theirs', 'x', 'y']);
  assert.deepEqual(
    merge(base, mine, theirs).differences.map(each => [each.key, each.by, each.chosen]),
    [['id a', 'mine', 'mine'], ['id b', 'theirs', 'theirs'], ['id c', 'mine', 'mine'], ['id x', 'mine', 'mine'], ['id d', 'theirs', 'theirs'], ['id y', 'theirs', 'theirs']]
  );
});

test('of a cell that both changed both are kept, mine first and each with an id of its own', () => {
  const made = settled(notebook(['a']), notebook([cell('a', 'mine')]), notebook([cell('a', 'theirs')]));
  assert.deepEqual(sources(made), ['mine', 'theirs']);
  assert.equal(made.cells[0].id, 'a');
  assert.notEqual(made.cells[1].id, 'a');
});

test('a cell that one deleted and the other changed is kept', () => {
  const base = notebook(['a']);
  assert.deepEqual(sources(settled(base, notebook([]), notebook([cell('a', 'changed')]))), ['changed']);
  assert.deepEqual(sources(settled(base, notebook([cell('a', 'changed')]), notebook([]))), ['changed']);
});

test('what both changed alike is no question', () => {
  const same = notebook([cell('a', 'same'), 'new']);
  assert.deepEqual(merge(notebook(['a']), same, structuredClone(same)).differences, []);
});

test('a cell that was run again is whose it was; which execution that was is no difference', () => {
  const [base, ran] = [notebook([cell('a', 'a', 'old')]), notebook([cell('a', 'a', 'new')])];
  assert.deepEqual(settled(base, base, ran).cells[0].outputs, ran.cells[0].outputs);
  assert.deepEqual(settled(base, ran, base).cells[0].outputs, ran.cells[0].outputs);
  const [one] = merge(base, ran, notebook([cell('a', 'a', 'newer')])).differences;
  assert.deepEqual([one.what, one.by, one.chosen], ['outputs', 'both', 'mine']);
  const again = structuredClone(base);
  again.cells[0].execution_count = 7;
  again.cells[0].metadata = { trusted: true, execution: {} };
  assert.deepEqual(merge(base, base, again).differences, []);
});

test('an order that one side changed is taken, and one that both changed is a question', () => {
  const base = notebook(['a', 'b', 'c']);
  const [mine, theirs] = [notebook(['c', 'a', 'b', 'x']), notebook(['a', 'b', 'y', 'c'])];
  assert.deepEqual(sources(settled(base, mine, theirs)), ['c', 'a', 'b', 'x', 'y']);
  assert.deepEqual(sources(settled(base, theirs, mine)), ['c', 'a', 'b', 'x', 'y']);
  const all = merge(base, mine, notebook(['b', 'a', 'c']));
  assert.equal(all.order, 'both');
  assert.deepEqual(sources(merged(all, each => each.chosen, 'theirs', () => 'mine', newId)), ['b', 'x', 'a', 'c']);
});

test('without the state it began as, each difference is a question', () => {
  const all = merge(null, notebook([cell('a', 'mine'), 'same']), notebook([cell('a', 'theirs'), 'same', 'c']));
  assert.deepEqual(all.differences.map(each => [each.key, each.by]), [['id a', 'both'], ['id c', 'theirs']]);
});

test('cells without ids are known by what they say', () => {
  const bare = (...texts: string[]): Notebook => ({ ...notebook(texts.map(text => ({ cell_type: 'markdown', source: [text], metadata: {} }))), nbformat_minor: 4 });
  const made = settled(bare('a', 'b', 'b'), bare('a', 'mine', 'b', 'b'), bare('theirs', 'b'));
  assert.deepEqual(sources(made), ['mine', 'theirs', 'b']);
  assert.ok(made.cells.every(each => !('id' in each)));
});

test('of the metadata each name is whose it was, and one that both changed is a question', () => {
  const [base, mine, theirs] = [{ k: 1, l: 1, m: 1 }, { k: 2, l: 1, m: 2, own: 1 }, { k: 1, l: 2, m: 3 }].map(each => notebook([], each));
  const all = merge(base, mine, theirs);
  assert.deepEqual(all.metadata, ['m']);
  assert.deepEqual(merged(all, each => each.chosen, 'mine', () => 'theirs', newId).metadata, { k: 2, l: 2, m: 3, own: 1 });
});

test('what a kernel says of itself is no question, and stays', () => {
  const [bare, ran, other] = [{}, { language_info: { name: 'python' } }, { language_info: { name: 'R' } }].map(each => notebook([], each));
  for (const [mine, theirs] of [[ran, bare], [bare, ran], [ran, other]]) {
    assert.deepEqual(merge(bare, mine, theirs).metadata, []);
    assert.deepEqual(settled(bare, mine, theirs).metadata, ran.metadata);
  }
});

test('lines that only one text has are marked', () => {
  const [mine, theirs] = beside('a\nb\nc', 'a\nx\nc\nd');
  assert.deepEqual(mine.filter(line => line.own).map(line => line.text), ['b']);
  assert.deepEqual(theirs.filter(line => line.own).map(line => line.text), ['x', 'd']);
  const long = 'a\n'.repeat(2000);
  assert.ok(beside(long, `${long}b`).flat().every(line => !line.own));
});

// ── Over random edits ───────────────────────────────────────────────────────────────────────────────
/** Return a source of numbers that is the same for the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return below => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function edited(from: Notebook, who: string, next: (below: number) => number): Notebook {
  const cells = structuredClone(from.cells);
  for (let step = next(6); step > 0; step--) {
    const at = next(cells.length + 1);
    switch (next(5)) {
      case 0:
        cells.splice(at, 0, cell(`${who}${step}${next(1e6)}`, `added by ${who} ${step}`));
        break;
      case 1:
        cells.splice(at, 1);
        break;
      case 2:
        cells.splice(next(cells.length + 1), 0, ...cells.splice(at, 1));
        break;
      case 3:
        if (cells[at]) {
          cells[at] = { ...cells[at], source: `${textOf(cells[at])} ${who}${step}` };
        }
        break;
      default:
        if (cells[at]) {
          cells[at] = { ...cells[at], outputs: [{ output_type: 'stream', name: 'stdout', text: `${who}${step}` }] };
        }
    }
  }
  return { ...from, cells };
}

function each(run: (base: Notebook, mine: Notebook, theirs: Notebook, next: (below: number) => number, seed: number) => void): void {
  for (let seed = 1; seed <= 3000; seed++) {
    const next = chance(seed);
    const base = notebook(Array.from({ length: next(7) }, (_, at) => `b${at}`));
    run(base, edited(base, 'm', next), edited(base, 't', next), next, seed);
  }
}

const kept = (made: Notebook) => made.cells.map(each => JSON.stringify({ ...each, id: '' }));

test('whatever is chosen is there, and nothing else: each cell of either side, unless the other was chosen', () => {
  each((base, mine, theirs, next, seed) => {
    const all = merge(base, mine, theirs);
    const choices: Choice[] = ['mine', 'theirs', 'both'];
    const chosen = new Map(all.differences.map(each => [each.key, choices[next(3)]]));
    const made = merged(all, each => chosen.get(each.key)!, (['mine', 'theirs'] as Side[])[next(2)], () => 'mine', newId);
    const wanted = new Set(all.differences.map(each => each.mine?.id ?? each.theirs?.id));
    const alike = mine.cells.filter(each => !wanted.has(each.id));
    const expected = all.differences.flatMap(each => {
      const which = chosen.get(each.key);
      return [which !== 'theirs' ? each.mine : null, which !== 'mine' ? each.theirs : null].filter(each => each !== null);
    });
    assert.deepEqual(kept(made).sort(), kept(notebook([...alike, ...expected])).sort(), `seed ${seed}`);
    assert.equal(new Set(made.cells.map(each => each.id)).size, made.cells.length, 'no id twice');
  });
});

test('what nobody was asked about loses nothing that either side wrote', () => {
  each((base, mine, theirs, _next, seed) => {
    const made = new Set(sources(settled(base, mine, theirs)));
    const was = new Map(base.cells.map(each => [each.id, textOf(each)]));
    for (const side of [mine, theirs]) {
      for (const each of side.cells) {
        assert.ok(was.get(each.id!) === textOf(each) || made.has(textOf(each)), `seed ${seed}: ${textOf(each)}`);
      }
    }
  });
});

test('with one side as it was, the other is what comes of it', () => {
  each((base, mine) => {
    assert.deepEqual(settled(base, mine, structuredClone(base)).cells, mine.cells);
    assert.deepEqual(settled(base, structuredClone(base), mine).cells, mine.cells);
  });
});

test('who is called mine changes what stands first, and no cell', () => {
  each((base, mine, theirs) => {
    const [one, other] = [settled(base, mine, theirs), settled(base, theirs, mine)];
    assert.deepEqual(new Set(sources(one)), new Set(sources(other)));
  });
});
