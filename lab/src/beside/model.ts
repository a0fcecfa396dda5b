/** What SWAP tells beside an open notebook, and how it is said.  Pure. */
import { plural } from '../format';

export interface Version {
  number: number;
  at: string;
  author: string;
  kind: string;
  name: string;
  restored: number | null;
  folded: number;
}

export interface Thread {
  thread: string;
  /** The id of its cell; empty for the notebook as a whole. */
  cell: string;
  left_out: number;
  /** A deleted one has no text. */
  comments: { author: string; text: string; at: string }[];
}

export interface Reader {
  kind: 'person' | 'group' | 'everyone';
  name: string;
  role: string;
  until: string | null;
  over: boolean;
  sees: number;
}

export interface Told {
  notebook: string;
  name: string;
  owner: string;
  role: string;
  comments_allowed: boolean;
  version: number;
  at: string;
  /** Cells whose outputs this person may not see, of how many that have some. */
  hidden: number;
  outputs: number;
  /** None of another's notebook. */
  history: { versions: Version[]; more: boolean } | null;
  comments: { threads: Thread[]; total: number };
  /** None for who may not manage it. */
  readers: Reader[] | null;
  more_readers: boolean;
  /** The parts of their names. */
  tables: string[][];
  other_tables: boolean;
  origin: { version: number; notebook: string | null; name: string | null; owner: string | null } | null;
  changed: number;
  waiting: number;
  forks: number;
  more_forks: boolean;
}

const ROLES: Record<string, string> = {
  view: 'may view',
  comment: 'may comment',
  edit: 'may edit',
  manage: 'may manage',
  own: 'may become the owner'
};

/** Say how a version came to be, where it was not saved in JupyterLab. */
export function madeBy(version: Version): string {
  switch (version.kind) {
    case 'found':
      return 'found in the home';
    case 'restored':
      return `restored from version ${version.restored}`;
    case 'forked':
      return 'forked';
    case 'merged':
      return 'with cells of another notebook';
    default:
      return '';
  }
}

/** Say with whom a notebook is shared. */
export function named(reader: Reader): string {
  return reader.kind === 'everyone' ? 'Everyone who may sign in' : reader.name;
}

/** Say what somebody may do, until when, and what they cannot see. */
export function may(reader: Reader, outputs: number, when: (at: string) => string): string {
  const until = reader.until && (reader.over ? 'over' : `until ${when(reader.until)}`);
  return [ROLES[reader.role] ?? reader.role, until, sees(reader.sees, outputs)].filter(Boolean).join(', ');
}

/** Say of how many outputs somebody sees all; nothing where there are none. */
export function sees(seen: number, outputs: number): string {
  if (!outputs) {
    return '';
  }
  return seen === outputs ? 'sees all outputs' : seen ? `sees ${seen} of ${plural(outputs, 'output')}` : 'sees no output';
}

/** Threads by the cell they are about, in the order of the cells; then those of cells that are gone. */
export function byCell(threads: Thread[], cells: string[]): { place: number | null; threads: Thread[] }[] {
  const found = new Map<number, Thread[]>();
  for (const each of threads) {
    // 0 is the notebook as a whole; a cell that is gone comes last.
    const at = each.cell ? cells.indexOf(each.cell) + 1 || Infinity : 0;
    found.set(at, [...(found.get(at) ?? []), each]);
  }
  return [...found].sort(([one], [other]) => one - other).map(([at, said]) => ({ place: at === Infinity ? null : at, threads: said }));
}

export function count(forks: number, more: boolean): string {
  return forks ? `${more ? 'More than ' : ''}${plural(forks, 'fork')}` : 'No forks';
}
