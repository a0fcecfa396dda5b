// What a page adds when scripts run: copying, filtering as you type, keys, parts that load apart, local menus.
// Every page is whole without it.
'use strict';

const say = (text) => {
  const box = document.getElementById('said');
  if (box) { box.textContent = ''; box.textContent = text; }
};

// ── Copy ──
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const text = button.dataset.copy || document.getElementById(button.dataset.copyFrom)?.textContent || '';
    try {
      await navigator.clipboard.writeText(text);
      say('Copied.');
      button.classList.add('copied');
      setTimeout(() => button.classList.remove('copied'), 1500);
    } catch {
      say('The browser does not let SWAP copy. Select the text and copy it yourself.');
    }
  });
}

// ── Menu ──
for (const menu of document.querySelectorAll('details.sw-menu')) {
  document.addEventListener('click', (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && menu.open) { menu.open = false; menu.querySelector('summary').focus(); }
  });
}

// ── Light, dark, as the system ── (without script the same form goes to the portal)
for (const button of document.querySelectorAll('[data-mode-choice]')) {
  button.addEventListener('click', (event) => {
    event.preventDefault();
    const mode = button.dataset.modeChoice;
    const kept = mode === 'system' ? 'Max-Age=0' : 'Max-Age=31536000';
    document.cookie = `swap_mode=${mode}; Path=/; SameSite=Lax; ${kept}`;
    if (mode === 'system') delete document.documentElement.dataset.mode;
    else document.documentElement.dataset.mode = mode;
    // A notebook's frame has the choice in its address.
    if (document.querySelector('iframe.reader')) location.reload();
    for (const other of document.querySelectorAll('[data-mode-choice]')) {
      const on = other === button;
      other.setAttribute('aria-pressed', String(on));
      other.classList.toggle('cdx-toggle-button--toggled-on', on);
      other.classList.toggle('cdx-toggle-button--toggled-off', !on);
    }
  });
}

// ── A filter box beside a table: rows that do not match are hidden as one types ──
for (const box of document.querySelectorAll('input[data-filters]')) {
  const table = document.getElementById(box.dataset.filters);
  const none = document.getElementById(`${box.dataset.filters}-none`);
  if (!table) continue;
  box.closest('[hidden]')?.removeAttribute('hidden');
  const narrow = () => {
    const words = box.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const body of table.tBodies) {
      let inBody = 0;
      for (const row of body.rows) {
        if (row.classList.contains('grp')) continue;
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) inBody += 1;
      }
      for (const head of body.querySelectorAll('tr.grp')) head.hidden = inBody === 0;
      shown += inBody;
    }
    if (none) none.hidden = shown > 0;
    say(`${shown} shown.`);
  };
  box.addEventListener('input', narrow);
}

// ── Parts of a page that load apart: <div data-load="/path"> ──
async function load(part) {
  const started = performance.now();
  const clock = part.querySelector('[data-elapsed]');
  const tick = clock && setInterval(() => { clock.textContent = `${Math.round((performance.now() - started) / 1000)} s`; }, 1000);
  let html = '';
  try {
    const answer = await fetch(part.dataset.load, { headers: { 'X-Swap-Part': '1' }, credentials: 'same-origin' });
    if (answer.redirected || answer.status === 401) { location.reload(); return; }
    html = await answer.text();
  } catch {
    html = '';
  } finally {
    clearInterval(tick);
  }
  const failed = part.querySelector('template');
  part.setAttribute('aria-busy', 'false');
  if (html) part.innerHTML = html;
  else if (failed) part.replaceChildren(failed.content.cloneNode(true));
  wire(part);
}
function wire(part) {
  for (const link of part.querySelectorAll('[data-again]')) {
    link.addEventListener('click', (event) => { event.preventDefault(); load(part); });
  }
}
for (const part of document.querySelectorAll('[data-load]')) load(part);
for (const part of document.querySelectorAll('[data-load-again]')) {
  part.dataset.load = part.dataset.loadAgain;
  wire(part);
}

// ── A part that follows what is typed into a form: <form data-ahead="/path">, shown in #ahead ──
for (const form of document.querySelectorAll('form[data-ahead]')) {
  const part = document.getElementById('ahead');
  let waits = 0;
  let asked = 0;
  const show = async () => {
    const said = new FormData(form);
    said.delete('csrf');
    const mine = (asked += 1);
    try {
      const answer = await fetch(`${form.dataset.ahead}?${new URLSearchParams(said)}`, { headers: { 'X-Swap-Part': '1' }, credentials: 'same-origin' });
      const html = await answer.text();
      if (mine === asked && answer.ok) part.innerHTML = html;
    } catch {
      // SWAP is away; the form says so when it is sent.
    }
  };
  form.addEventListener('input', () => { clearTimeout(waits); waits = setTimeout(show, 200); });
}

// ── May this page be seen still? ── asked again and again while it is looked at; when it may not, it is loaded anew
const still = document.querySelector('[data-still]');
if (still) {
  let waits = 0;
  const ask = async () => {
    clearTimeout(waits);
    if (document.hidden) return;
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), 2000);
    try {
      const answer = await fetch(still.dataset.still, { headers: { 'X-Swap-Part': '1' }, credentials: 'same-origin', cache: 'no-store', signal: stop.signal });
      if ([401, 403, 404, 409].includes(answer.status)) { location.reload(); return; }
    } catch {
      // SWAP is away; what is seen was seen already.
    } finally {
      clearTimeout(late);
    }
    waits = setTimeout(ask, 2000);
  };
  document.addEventListener('visibilitychange', ask);
  waits = setTimeout(ask, 2000);
}

// ── Does this browser find names below ours? ── asked once, early; a form that leads to a server waits for it
// A fetch of a name the browser cannot find fails at once or never ends; three seconds tell both from a slow tunnel.
const probe = document.getElementById('probe');
function found() {
  if (!probe) return Promise.resolve(true);
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), 3000);
  return fetch(probe.dataset.url, { mode: 'no-cors', cache: 'no-store', credentials: 'omit', signal: stop.signal })
    .then(() => true, () => false)
    .finally(() => clearTimeout(late));
}
let probed = null;
if (probe && document.querySelector('form[data-probe]')) probed = found();

const again = document.getElementById('test-again');
if (again) {
  again.addEventListener('click', async () => {
    const said = document.getElementById('test-said');
    said.textContent = 'Testing, for up to 3 seconds …';
    said.textContent = await found() ? 'Your browser finds it now. Go back and start your server.' : 'Still no answer.';
  });
}

// ── Forms are sent once ──
for (const form of document.querySelectorAll('form[method=post]')) {
  form.addEventListener('submit', async (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = '1';
    if (!probed || !form.hasAttribute('data-probe')) return;
    event.preventDefault();
    if (await probed) form.submit();
    else location.assign(probe.dataset.help);
  });
}
addEventListener('pageshow', (event) => { if (event.persisted) for (const form of document.forms) delete form.dataset.sent; });

// ── Keys ── single letters, never while typing; they can be switched off
const key = { go: false };
const letters = () => localStorage.getItem('swap-keys') !== 'off';
const keysSwitch = document.getElementById('keys-switch');
if (keysSwitch) {
  const show = () => {
    keysSwitch.textContent = letters() ? keysSwitch.dataset.on : keysSwitch.dataset.off;
  };
  keysSwitch.addEventListener('click', () => { localStorage.setItem('swap-keys', letters() ? 'off' : 'on'); show(); });
  show();
}
addEventListener('keydown', (event) => {
  if (!letters()) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
  const follow = (name) => {
    const found = document.querySelector(`[data-key="${name}"]`);
    if (found) { event.preventDefault(); if (found.tagName === 'INPUT') found.focus(); else found.click(); }
  };
  if (key.go) { key.go = false; follow(`g ${event.key}`); return; }
  if (event.key === 'g') { key.go = true; setTimeout(() => { key.go = false; }, 1500); return; }
  if (event.key === '/' || event.key === 'n' || event.key === '?') follow(event.key);
});
