import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lines, mayBeLimit, short, spoken, Use } from '../src/use';

const USE: Use = {
  memory: { used: 1.23e9, limit: 8e9 },
  processors: { used: 1.96, limit: 2 },
  processes: { used: 12, limit: 1500 },
  disk: { used: 19.2e9, limit: 20e9 },
  files: { used: 1200, limit: 1_300_000 }
};

test('each part is said with its limit, in units that people read', () => {
  assert.deepEqual(lines(USE).map(line => `${line.label}: ${line.text}`), [
    'Memory: 1.2 GB of 8.0 GB', 'Processors: 2 of 2', 'Processes: 12 of 1,500', 'Disk: 19 GB of 20 GB', 'Files: 1,200 of 1,300,000'
  ]);
});

test('what is nearly used up stands beside the memory, but for processors', () => {
  assert.equal(short(lines(USE)), 'Memory 1.2 GB of 8.0 GB · Disk 19 GB of 20 GB');
  assert.deepEqual(lines(USE).filter(line => line.near).map(line => line.name), ['disk']);
});

test('without limits it is what is used alone', () => {
  const all = lines({ memory: { used: 310e6, limit: null }, processors: { used: 0.04, limit: null } });
  assert.deepEqual(all.map(({ text, share, near }) => [text, share, near]), [['310 MB', null, false], ['0', null, false]]);
  assert.equal(short(all), 'Memory 310 MB');
});

test('what nobody knows is not said', () => {
  assert.deepEqual(lines({}), []);
  assert.deepEqual(lines({ processors: { used: null, limit: 2 } }), []);
});

test('more than the limit is all of it', () => {
  assert.equal(lines({ memory: { used: 9, limit: 8 } })[0].share, 1);
});

test('all of it is read aloud, with what is nearly used up', () => {
  assert.equal(
    spoken(lines({ memory: USE.memory, disk: USE.disk })),
    'What you use: memory 1.2 GB of 8.0 GB; disk 19 GB of 20 GB, nearly all. Details'
  );
});

test('errors that a limit may be behind are told from those that none is', () => {
  assert.equal(mayBeLimit('OSError', '[Errno 28] No space left on device'), 'disk');
  assert.equal(mayBeLimit('IOException', 'Could not write file "x": No space left on device'), 'disk');
  assert.equal(mayBeLimit('BlockingIOError', '[Errno 11] Resource temporarily unavailable'), 'processes');
  assert.equal(mayBeLimit('RuntimeError', "can't start new thread"), 'processes');
  assert.equal(mayBeLimit('ValueError', "can't start new thread"), null);
  assert.equal(mayBeLimit('FileNotFoundError', '[Errno 2] No such file or directory'), null);
});
