import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf, nameOf, pathOf, sharedId } from '../../src/shared/path';

const LISTED = { notebook: '82bc7a254e99878819b3', name: 'cities', owner: 'ann', role: 'view', version: 1, at: '' };

test('a notebook is found by its id, whatever it is called', () => {
  assert.equal(nameOf(LISTED), 'cities (ann).ipynb');
  assert.equal(idOf(pathOf(LISTED)), LISTED.notebook);
  assert.equal(sharedId(`Shared:${pathOf(LISTED)}`), LISTED.notebook);
  assert.equal(idOf(pathOf({ ...LISTED, name: 'a/b\\c..', owner: '<b>' })), LISTED.notebook);
});

test('a path that could lead elsewhere is none of the drive', () => {
  for (const path of ['', '..', '../a.ipynb', 'a/../b.ipynb', 'a/b/c.ipynb', 'a/b.txt', '/a/b.ipynb', 'a?b/c.ipynb', `${'x'.repeat(65)}/a.ipynb`]) {
    assert.equal(idOf(path), null, path);
  }
});

test('a file of their own is none of the drive', () => {
  for (const path of ['a/b.ipynb', 'Shared/b.ipynb', 'Sharedx:a/b.ipynb', 'RTC:a/b.ipynb']) {
    assert.equal(sharedId(path), null, path);
  }
});
