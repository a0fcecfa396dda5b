/** What the meter says of what a person uses, and which limit an error is about. */
import { bytes, count } from './format';

/** How much is used, and how much may be; null is not known, or no limit. */
export interface Part {
  used: number | null;
  limit: number | null;
}

export const NAMES = ['memory', 'processors', 'processes', 'disk', 'files'] as const;
export type Name = (typeof NAMES)[number];
export type Use = Partial<Record<Name, Part>>;

export interface Line {
  name: Name;
  label: string;
  text: string;
  /** How much of the limit is used, from 0 to 1; null without a limit. */
  share: number | null;
  near: boolean;
}

/** From this share on, what is near its limit is said beside the memory.  Processors are there to be used. */
const NEAR = 0.9;
const LABELS: Record<Name, string> = { memory: 'Memory', processors: 'Processors', processes: 'Processes', disk: 'Disk', files: 'Files' };

function amount(name: Name, value: number): string {
  switch (name) {
    case 'memory':
    case 'disk':
      return bytes(value);
    case 'processors':
      return value.toFixed(value < 9.95 ? 1 : 0).replace(/\.0$/, '');
    default:
      return count(value);
  }
}

/** Return a line for each part of which something is known. */
export function lines(use: Use): Line[] {
  return NAMES.flatMap(name => {
    const { used, limit } = use[name] ?? { used: null, limit: null };
    if (used === null) {
      return [];
    }
    const share = limit ? Math.min(1, used / limit) : null;
    const text = limit ? `${amount(name, used)} of ${amount(name, limit)}` : amount(name, used);
    return [{ name, label: LABELS[name], text, share, near: share !== null && share >= NEAR && name !== 'processors' }];
  });
}

/** Return what stands in the status bar: the memory, and what else is nearly used up. */
export function short(all: Line[]): string {
  return all.filter(line => line.name === 'memory' || line.near).map(line => `${line.label} ${line.text}`).join(' · ');
}

/** Return what is read aloud in its place. */
export function spoken(all: Line[]): string {
  const said = all.map(line => `${line.label.toLowerCase()} ${line.text}${line.near ? ', nearly all' : ''}`);
  return `What you use: ${said.join('; ')}. Details`;
}

/** Return which limit an error of a cell may come from: the server knows whether it does. */
export function mayBeLimit(name: string, value: string): 'disk' | 'processes' | null {
  if (/\[Errno (28|122)\]|No space left on device|Disk quota exceeded/.test(value)) {
    return 'disk';
  }
  const refused = /\[Errno 11\]|Resource temporarily unavailable|can't start new thread/.test(value);
  return refused && (name === 'BlockingIOError' || name === 'RuntimeError' || name === 'OSError') ? 'processes' : null;
}
