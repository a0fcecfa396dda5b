/** Calls of this person's own Jupyter server, which passes them on to SWAP's gateway. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** A stage of a run; seconds count from its acceptance. */
export interface Stage {
  key: string;
  label: string;
  detail: string;
  state: 'todo' | 'active' | 'done';
  start: number | null;
  end: number | null;
  /** Where it probably lies while it goes on or is to come; null when nobody knows. */
  expected?: { start: number; end: number } | null;
}

export interface Suggestion {
  label: string;
  replace?: string | null;
  by?: string | null;
  type?: string | null;
  detail?: string | null;
  href?: string | null;
}

export interface Problem {
  category: string;
  title: string;
  why: string;
  todo: string;
  suggestions?: Suggestion[];
  line?: number | null;
  column?: number | null;
  rule?: string | null;
  ask?: string | null;
  source?: string | null;
}

export interface Run {
  id: string;
  name?: string | null;
  revision: number;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  headline: string;
  elapsed: number;
  expected_end?: number | null;
  stages: Stage[];
  rows?: number;
  summary?: string;
  notices?: string[];
  note?: string | null;
  error?: Problem | null;
}

export interface Column {
  name: string;
  type: string;
  align?: 'left' | 'right';
  group?: boolean;
}

export type Row = (string | null)[];

export interface Page {
  columns: Column[];
  rows: Row[];
  offset: number;
  total: number;
}

/** The server answered with an error, in SWAP's form or in its own. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | null
  ) {
    super(problem ? [problem.title, problem.todo].filter(Boolean).join(' ') : `The server answered ${status}.`);
  }
}

/** Return the address of one of our routes. */
export function address(path: string, query: Record<string, string> = {}): string {
  const base = URLExt.join(ServerConnection.makeSettings().baseUrl, 'swap', path);
  return base + URLExt.objectToQueryString(query);
}

/** Call one of our routes.  Throws Refused, or NetworkError when nobody answers. */
export async function call<T>(path: string, query: Record<string, string> = {}, init: RequestInit = {}): Promise<T> {
  const settings = ServerConnection.makeSettings();
  const response = await ServerConnection.makeRequest(address(path, query), init, settings);
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Refused(response.status, body?.error?.title ? body.error : null);
  }
  return body as T;
}

export const queries = {
  state: (id: string) => call<Run>(`queries/${encodeURIComponent(id)}`),
  cancel: (id: string) => call<{ state: string }>(`queries/${encodeURIComponent(id)}`, {}, { method: 'DELETE' }),
  page: (id: string, query: Record<string, string>) => call<Page>(`queries/${encodeURIComponent(id)}/page`, query),
  download: (id: string) => address(`queries/${encodeURIComponent(id)}/download`)
};
