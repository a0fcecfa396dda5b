/** The stages of a run on one time axis: solid is done, blue goes on, dashed is expected, rings are to come. */
import type { Stage } from './api';
import { el, icon, ring } from './dom';
import { axisEnd, detail, look, passed, position, rest, ticks, took, words } from './timeline';

function cellOfState(stage: Stage): HTMLElement {
  return stage.state === 'done' ? icon('done', 'l-ok', 'done') : ring(stage.state === 'active');
}

function row(stage: Stage, now: number, end: number): HTMLElement {
  const [here, expected] = detail(stage);
  const before = passed(stage, now);
  const after = rest(stage, now);
  return el(
    'tr',
    { class: stage.state === 'active' ? 'now' : stage.state },
    el('td', {}, cellOfState(stage)),
    el('th', { scope: 'row', class: 'nm' }, stage.label),
    el('td', { class: 'dd' }, here ? el('b', {}, here) : null, expected),
    el(
      'td',
      { class: 'tl' },
      el(
        'span',
        { class: 'ln', 'aria-hidden': 'true' },
        before && el('i', { class: look(stage), style: position(before, end) }),
        after && el('i', { class: 'est', style: position(after, end) })
      )
    ),
    el('td', { class: 'tt' }, took(stage, now), after && el('span', { class: 'swap-vh' }, words(stage, after)))
  );
}

/** Return the table of a run's stages as of `now` seconds after its start. */
export function waterfall(stages: Stage[], now: number): HTMLTableElement {
  const end = axisEnd(stages, now);
  const marks = ticks(end).map((text, step) => el('i', { style: `left:${step * 20}%` }, text));
  return el(
    'table',
    { class: 'wf' },
    el('caption', { class: 'swap-vh' }, 'Steps of the query'),
    el(
      'tbody',
      {},
      el('tr', { class: 'axr', 'aria-hidden': 'true' }, el('td'), el('td', { class: 'nm' }), el('td', { class: 'dd' }), el('td', { class: 'tl' }, el('span', {}, ...marks)), el('td', { class: 'tt' })),
      ...stages.map(stage => row(stage, now, end))
    )
  );
}
