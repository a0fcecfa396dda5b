import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claim, type Locks } from '../src/workspace';

/** A browser's locks: who holds a name keeps it, and the time of others is over at once. */
class OneBrowser implements Locks {
  private readonly held = new Set<string>();

  request(name: string, _: { signal: AbortSignal }, held: () => Promise<void>): Promise<unknown> {
    if (!this.held.has(name)) {
      this.held.add(name);
      return held();
    }
    return Promise.reject(new Error('given up'));
  }
}

test('a workspace belongs to the first window that claims it', async () => {
  const browser = new OneBrowser();
  assert.deepEqual(
    [await claim(browser, 'default'), await claim(browser, 'default'), await claim(browser, 'other')],
    [true, false, true]
  );
});
