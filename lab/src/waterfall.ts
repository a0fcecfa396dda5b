/** The stages of a run on one time axis: solid is done, blue goes on, rings are to come. */
import { Stage } from './api';
import { el, icon, ring } from './dom';
import { axis, seconds } from './format';

function cellOfState(stage: Stage): HTMLElement {
  return stage.state === 'done' ? icon('done', 'l-ok', 'done') : ring(stage.state === 'active');
}

function bar(stage: Stage, now: number, end: number): HTMLElement | null {
  if (stage.start === null || stage.start === undefined || stage.state === 'todo') {
    return null;
  }
  const until = stage.state === 'active' ? now : stage.end ?? now;
  const left = (100 * stage.start) / end;
  const width = Math.max(0.5, (100 * (until - stage.start)) / end);
  const kind = stage.key.startsWith('wait') ? 'wt' : stage.state === 'active' ? 'go' : '';
  return el('i', { class: kind, style: `left:${left.toFixed(2)}%;width:${Math.min(width, 100 - left).toFixed(2)}%` });
}

function took(stage: Stage, now: number): string {
  if (stage.start === null || stage.start === undefined || stage.state === 'todo') {
    return '';
  }
  return seconds(Math.max(0, (stage.state === 'active' ? now : stage.end ?? now) - stage.start));
}

/** Return the table of a run's stages as of `now` seconds after its start. */
export function waterfall(stages: Stage[], now: number): HTMLTableElement {
  const latest = Math.max(now, ...stages.map(stage => stage.end ?? 0), 0.5);
  const end = axis(latest);
  const ticks = [0, 1, 2, 3, 4, 5].map(step => {
    const value = Number(((end / 5) * step).toFixed(2));
    return el('i', { style: `left:${step * 20}%` }, step === 5 ? `${value} s` : String(value));
  });
  const rows = stages.map(stage =>
    el(
      'tr',
      { class: stage.state === 'active' ? 'now' : stage.state },
      el('td', {}, cellOfState(stage)),
      el('th', { scope: 'row', class: 'nm' }, stage.label),
      el('td', { class: 'dd' }, stage.detail || ''),
      el('td', { class: 'tl' }, el('span', { class: 'ln', 'aria-hidden': 'true' }, bar(stage, now, end))),
      el('td', { class: 'tt' }, took(stage, now))
    )
  );
  return el(
    'table',
    { class: 'wf' },
    el('caption', { class: 'swap-vh' }, 'Steps of the query'),
    el(
      'tbody',
      {},
      el('tr', { class: 'axr', 'aria-hidden': 'true' }, el('td'), el('td', { class: 'nm' }), el('td', { class: 'dd' }), el('td', { class: 'tl' }, el('span', {}, ...ticks)), el('td', { class: 'tt' })),
      ...rows
    )
  );
}
