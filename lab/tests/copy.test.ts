import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyName } from '../src/copy';

test('a copy stands beside its notebook, under a name that nothing has', async () => {
  const there = new Set(['a/views-mine.ipynb', 'a/views-mine-2.ipynb']);
  const name = (path: string) => copyName(path, async each => there.has(each));
  assert.deepEqual(await Promise.all([name('a/views.ipynb'), name('views.ipynb'), name('a.b/c'), name('a/.hidden')]), [
    'a/views-mine-3.ipynb', 'views-mine.ipynb', 'a.b/c-mine', 'a/.hidden-mine'
  ]);
});
