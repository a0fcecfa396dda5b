/** Calls of this person's own Jupyter server, which passes them on to SWAP's gateway. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Page, Problem, Run } from './model';

// What the gateway tells today; a saved notebook may hold what an older one told, with fewer fields.
export type * from './model';

/** A row of a page: values as they are to be read, null for none. */
export type Row = Page['rows'][number];

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
  download: (id: string, format: string) => address(`queries/${encodeURIComponent(id)}/download`, { format })
};
