/** The stages of a run on one time axis: solid is done, blue goes on, dashed is expected, rings are to come. */
import { Run, Stage } from './api';
import { el, icon, ring } from './dom';
import { axis, roughly, seconds } from './format';

/** Seconds; an end that is nearer is not announced: it may be over. */
const LEAST_LEFT = 0.5;

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

/** Return the expected rest of a stage as of now; what begins late is moved along, what is over its time promises nothing. */
function rest(stage: Stage, now: number): { start: number; end: number } | null {
  if (!stage.expected || stage.state === 'done') {
    return null;
  }
  const { start, end } = stage.expected;
  if (stage.state === 'active') {
    return end > now ? { start: now, end } : null;
  }
  const late = Math.max(0, now - start);
  return { start: start + late, end: end + late };
}

function dashed(span: { start: number; end: number }, end: number): HTMLElement {
  const left = (100 * span.start) / end;
  const width = Math.min(Math.max(0.5, (100 * (span.end - span.start)) / end), 100 - left);
  return el('i', { class: 'est', style: `left:${left.toFixed(2)}%;width:${width.toFixed(2)}%` });
}

/** Say in words what the dashed bar shows. */
function words(stage: Stage, span: { start: number; end: number }): HTMLElement {
  const length = roughly(span.end - span.start);
  return el('span', { class: 'swap-vh' }, stage.state === 'active' ? `expected: ${length} more` : 'expected');
}

/** Set the part that is here already apart from the part that is expected. */
function detail(stage: Stage): (Node | string)[] {
  const text = stage.detail || '';
  const at = stage.state === 'active' ? text.indexOf(' of about ') : -1;
  return at > 0 ? [el('b', {}, text.slice(0, at)), text.slice(at)] : [text];
}

function took(stage: Stage, now: number): string {
  if (stage.start === null || stage.start === undefined || stage.state === 'todo') {
    return '';
  }
  return seconds(Math.max(0, (stage.state === 'active' ? now : stage.end ?? now) - stage.start));
}

/** Return "about 6 s left"; nothing when that is not known, and when a stage is over its time already. */
export function left(run: Run, now: number): string {
  const overrun = run.stages.some(stage => stage.state === 'active' && stage.expected && stage.expected.end <= now);
  const rest = (run.expected_end ?? 0) - now;
  return overrun || rest < LEAST_LEFT ? '' : `${roughly(rest)} left`;
}

/** Return the table of a run's stages as of `now` seconds after its start. */
export function waterfall(stages: Stage[], now: number): HTMLTableElement {
  const rests = stages.map(stage => rest(stage, now));
  const end = axis(Math.max(now, ...stages.map(stage => stage.end ?? 0), ...rests.map(span => span?.end ?? 0), 0.5));
  const ticks = [0, 1, 2, 3, 4, 5].map(step => {
    const value = Number(((end / 5) * step).toFixed(2));
    return el('i', { style: `left:${step * 20}%` }, step === 5 ? `${value} s` : String(value));
  });
  const rows = stages.map((stage, index) => {
    const span = rests[index];
    return el(
      'tr',
      { class: stage.state === 'active' ? 'now' : stage.state },
      el('td', {}, cellOfState(stage)),
      el('th', { scope: 'row', class: 'nm' }, stage.label),
      el('td', { class: 'dd' }, ...detail(stage)),
      el('td', { class: 'tl' }, el('span', { class: 'ln', 'aria-hidden': 'true' }, bar(stage, now, end), span && dashed(span, end))),
      el('td', { class: 'tt' }, took(stage, now), span && words(stage, span))
    );
  });
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
