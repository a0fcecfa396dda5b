/** What the gateway tells.  Written by scripts/lab_model.py from SWAP's own models; change them there. */

/** One name or action that would mend the error, as a cell or page offers it. */
export interface Suggestion {
  label: string;
  replace: string | null;
  by: string | null;
  type: string | null;
  detail: string | null;
  href: string | null;
}

/** What a person is told: the first sentence, why, and what to do next. */
export interface Problem {
  category: string;
  title: string;
  why: string;
  todo: string;
  suggestions: Suggestion[];
  line: number | null;
  column: number | null;
  rule: string | null;
  ask: string | null;
  source: string | null;
  extra: Record<string, unknown>;
}

/** From when to when, in seconds. */
export interface Span {
  start: number;
  end: number;
}

/** One step of a run; seconds count from its acceptance. */
export interface Stage {
  key: string;
  label: string;
  detail: string;
  state: 'todo' | 'active' | 'done';
  start: number | null;
  end: number | null;
  expected: Span | null;
}

/** A column of the result, with its SQL type. */
export interface ResultColumn {
  name: string;
  type: string;
}

/** Where a run stands at one moment. */
export interface Run {
  id: string;
  revision: number;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  headline: string;
  elapsed: number;
  expected_end: number | null;
  stages: Stage[];
  rows: number;
  bytes: number;
  source_rows: Record<string, number>;
  source_bytes: Record<string, number>;
  summary: string;
  notices: string[];
  note: string;
  columns: ResultColumn[] | null;
  error: Problem | null;
  expires_at: string | null;
}

/** The head of a page's column: its name, SQL type, side, and whether it is a quantity (grouped, measured). */
export interface Column {
  name: string;
  type: string;
  align: 'left' | 'right';
  group: boolean;
}

/** Some rows of a result as text, with their columns; `total` are all of its rows. */
export interface Page {
  columns: Column[];
  rows: (string | null)[][];
  offset: number;
  total: number;
}
