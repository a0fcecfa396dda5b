import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyName } from '../src/copy';

const answers = (status: number) => Object.assign(new Error(`The server answered ${status}.`), { response: { status } });

test('a copy stands beside its notebook, under a name that nothing has', async () => {
  const there = new Set(['a/views-mine.ipynb', 'a/views-mine-2.ipynb']);
  const name = (path: string) =>
    copyName(path, async each => {
      if (!there.has(each)) {
        throw answers(404);
      }
    });
  assert.deepEqual(await Promise.all([name('a/views.ipynb'), name('views.ipynb'), name('a.b/c'), name('a/.hidden')]), [
    'a/views-mine-3.ipynb', 'views-mine.ipynb', 'a.b/c-mine', 'a/.hidden-mine'
  ]);
});

test('a server that does not tell whether a name is taken is not asked for another one', async () => {
  for (const failure of [new TypeError('Failed to fetch'), answers(503)]) {
    let asked = 0;
    const get = async () => {
      asked += 1;
      throw asked < 1000 ? failure : answers(404);
    };
    await assert.rejects(copyName('views.ipynb', get), failure);
    assert.equal(asked, 1);
  }
});

test('the search for a name ends', async () => {
  let asked = 0;
  const get = async () => {
    asked += 1;
    if (asked > 1000) {
      throw answers(404);
    }
  };
  await assert.rejects(copyName('views.ipynb', get), /There are 100 copies of views.ipynb already/);
  assert.equal(asked, 100);
});
