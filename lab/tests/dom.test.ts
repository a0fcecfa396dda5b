import assert from 'node:assert/strict';
import { test } from 'node:test';
import { safeHref, spans } from '../src/dom';

test('addresses of the web become links', () => {
  assert.deepEqual([safeHref('https://swap.example/data'), safeHref('http://localhost:8000'), safeHref('HTTPS://swap.example')], [
    'https://swap.example/data', 'http://localhost:8000/', 'https://swap.example/'
  ]);
});

test('an address without a host is one of the portal, and none without a portal', () => {
  assert.deepEqual([safeHref('/data/lake', 'http://localhost:8000/x'), safeHref('/data/lake'), safeHref('/data/lake', '')], [
    'http://localhost:8000/data/lake', null, null
  ]);
  assert.equal(safeHref('https://swap.example/data', ''), 'https://swap.example/data');
});

test('nothing that runs or reads becomes a link', () => {
  const addresses = [
    'javascript:alert(1)', 'JavaScript:alert(1)', ' javascript:alert(1)', 'java\nscript:alert(1)', '\u0001javascript:alert(1)', 'data:text/html,x',
    'vbscript:x', 'file:///etc/passwd', 'blob:http://localhost/x', 'about:blank', 'ftp://host/x'
  ];
  assert.deepEqual(addresses.filter(href => safeHref(href, 'http://localhost:8000') !== null), []);
});

test('no address is no link', () => {
  assert.deepEqual([safeHref(null), safeHref(undefined), safeHref(''), safeHref('http://'), safeHref('https://[')], [null, null, null, null, null]);
});

test('what stands in backquotes is code, without them', () => {
  assert.deepEqual(spans('Use `a.b` or `c`.'), [
    { text: 'Use ', code: false }, { text: 'a.b', code: true }, { text: ' or ', code: false }, { text: 'c', code: true }, { text: '.', code: false }
  ]);
});

test('a backquote alone, an empty pair and one over two lines are text', () => {
  for (const text of ['a ` b', 'a `` b', 'a `b\nc` d', '']) {
    assert.deepEqual(spans(text), [{ text, code: false }]);
  }
});

test('markup is text', () => {
  assert.deepEqual(spans('<b>x</b>'), [{ text: '<b>x</b>', code: false }]);
});
