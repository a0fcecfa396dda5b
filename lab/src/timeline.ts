/** The numbers and words of a run's time axis: what is done, what goes on, and what is expected of the rest. */
import type { Run, Span, Stage } from './api';
import { axis, roughly, seconds } from './format';

/** Seconds; an end that is nearer is not announced: it may be over. */
const LEAST_LEFT = 0.5;
/** A shorter bar could not be seen. */
const LEAST_PERCENT = 0.5;

/** Return what of a stage has passed as of now; null for one that has not begun. */
export function passed(stage: Stage, now: number): Span | null {
  if (stage.start === null || stage.start === undefined || stage.state === 'todo') {
    return null;
  }
  return { start: stage.start, end: stage.state === 'active' ? now : stage.end ?? now };
}

/** Return the expected rest of a stage as of now; what begins late is moved along, what is over its time promises nothing. */
export function rest(stage: Stage, now: number): Span | null {
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

/** Return the end of the axis that holds all that has passed and all that is expected. */
export function axisEnd(stages: Stage[], now: number): number {
  return axis(Math.max(now, ...stages.map(stage => stage.end ?? 0), ...stages.map(stage => rest(stage, now)?.end ?? 0), 0.5));
}

/** Return the six marks of an axis; the last one has the unit. */
export function ticks(end: number): string[] {
  return [0, 1, 2, 3, 4, 5].map(step => {
    const value = Number(((end / 5) * step).toFixed(2));
    return step === 5 ? `${value} s` : String(value);
  });
}

/** Return where a span lies on an axis, in percent as CSS; never outside of it, and never too short to be seen. */
export function position(span: Span, end: number): string {
  const left = (100 * span.start) / end;
  const width = Math.max(LEAST_PERCENT, (100 * (span.end - span.start)) / end);
  return `left:${left.toFixed(2)}%;width:${Math.min(width, 100 - left).toFixed(2)}%`;
}

/** Return the look of what has passed of a stage: waiting, going on, or done. */
export function look(stage: Stage): 'wt' | 'go' | '' {
  return stage.key.startsWith('wait') ? 'wt' : stage.state === 'active' ? 'go' : '';
}

/** Return the part of a stage's detail that is here already, and the part that is expected. */
export function detail(stage: Stage): [here: string, expected: string] {
  const text = stage.detail || '';
  const at = stage.state === 'active' ? text.indexOf(' of about ') : -1;
  return at > 0 ? [text.slice(0, at), text.slice(at)] : ['', text];
}

/** Return how long a stage took, or has taken until now. */
export function took(stage: Stage, now: number): string {
  const span = passed(stage, now);
  return span ? seconds(Math.max(0, span.end - span.start)) : '';
}

/** Say in words what the dashed bar shows. */
export function words(stage: Stage, span: Span): string {
  return stage.state === 'active' ? `expected: ${roughly(span.end - span.start)} more` : 'expected';
}

/** Return "about 6 s left"; nothing when that is not known, and when a stage is over its time already. */
export function left(run: Pick<Run, 'stages' | 'expected_end'>, now: number): string {
  const overrun = run.stages.some(stage => stage.state === 'active' && stage.expected && stage.expected.end <= now);
  const rest = (run.expected_end ?? 0) - now;
  return overrun || rest < LEAST_LEFT ? '' : `${roughly(rest)} left`;
}

/** Tell whether a run of this state goes on. */
export function runs(state: Run['state'] | undefined): boolean {
  return state === 'waiting' || state === 'running';
}

/** Return what became of a run that a saved notebook shows as running; nothing when nobody knows it any more. */
export function meanwhile(state: Run['state'] | undefined): string {
  const ends: Partial<Record<Run['state'], string>> = {
    done: 'it finished meanwhile',
    failed: 'it failed meanwhile',
    cancelled: 'it was cancelled meanwhile'
  };
  return (state && ends[state]) ?? '';
}

/** Say at which sources Cancel stops a run: those that read for it. */
export function whereCancelStops(stages: Stage[]): string {
  const sources = new Set(stages.filter(stage => stage.key.startsWith('run:')).map(stage => stage.key.slice(4)));
  return sources.size ? `Cancel stops it in ${[...sources].join(' and ')}, not only here.` : '';
}
