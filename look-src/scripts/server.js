// The page of a start: steps as the hub reports them, the time that really passed.  Nothing here is guessed but the bar's pace.
'use strict';
{
  const list = document.getElementById('start');
  const bar = document.getElementById('bar');
  const clock = document.getElementById('elapsed');
  const said = document.getElementById('step-said');
  const doneIcon = document.getElementById('done-icon');
  const usual = Number(list.dataset.usual);
  let base = Number(list.dataset.elapsed);
  let since = performance.now();
  let waited = Number(list.dataset.waited);
  let steps = [];
  let progress = bar.value;
  let last = '';

  const words = (s) => (s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} m ${String(Math.floor(s % 60)).padStart(2, '0')} s`);
  const elapsed = () => base + (performance.now() - since) / 1000;
  const element = (name, cls, text) => {
    const made = document.createElement(name);
    if (cls) made.className = cls;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  function tick() {
    const now = elapsed();
    clock.textContent = words(now);
    // Towards the usual time, never to the end: the end is an event.
    // It stands still until it is this server's turn.
    const own = Math.max(0, (steps[steps.length - 1]?.key === 'turn' ? base : now) - waited);
    bar.value = Math.max(progress, Math.min(95, 100 * (1 - Math.exp(-1.6 * own / usual))));
    const running = list.querySelector('.now .t');
    const step = steps[steps.length - 1];
    if (running && step) running.textContent = words(now - step.began);
  }

  function draw() {
    for (const old of list.querySelectorAll('.step')) old.remove();
    const end = list.querySelector('.last');
    for (const step of steps) {
      const ended = step.ended !== null;
      const item = element('li', ended ? 'step' : 'step now');
      if (ended) item.append(doneIcon.content.cloneNode(true));
      else { const ring = element('span', 'ring ring--on'); ring.setAttribute('role', 'img'); ring.setAttribute('aria-label', 'running'); item.append(ring); }
      item.append(element('span', ended ? '' : 'b', step.label));
      item.append(element('span', 't', words((ended ? step.ended : elapsed()) - step.began)));
      if (step.detail) item.append(element('span', 'd', step.detail));
      end.before(item);
    }
    const now = steps[steps.length - 1];
    if (now && now.label !== last) { last = now.label; said.textContent = `Step ${steps.length + 1}: ${now.label}`; }
  }

  const feed = new EventSource('/server/events');
  feed.onmessage = (event) => {
    const state = JSON.parse(event.data);
    if (state.state !== 'starting') {
      feed.close();
      // The page itself knows where a ready server, a failure or a cancelled start leads.
      location.replace(list.dataset.page);
      return;
    }
    base = state.elapsed; since = performance.now(); waited = state.waited; progress = state.progress; steps = state.steps;
    draw(); tick();
  };
  setInterval(tick, 100);
}
