/** What the answer to "do I still have access?" means. */

export type Standing = 'live' | 'ended' | 'stopped' | 'lost' | 'unknown';

/**
 * Return where a window stands, by the status of the answer; null is none at all.
 *
 * Our own server answers 200, 401 or 403.  Where none runs nobody knows the address (404); one that has just died is
 * answered for by what stands before it (502, 504).  Where nobody answers at all, SWAP or the way to it is away.
 */
export function standing(status: number | null): Standing {
  if (status === null) {
    return 'lost';
  }
  if (status === 200) {
    return 'live';
  }
  if (status === 401 || status === 403) {
    return 'ended';
  }
  return status === 404 || status === 502 || status === 504 ? 'stopped' : 'unknown';
}

/** Return what is said of a server that will be stopped, with the moment as its reader's clock shows it. */
export function stopWords(at: Date, now: Date): string {
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const day = at.toDateString() === now.toDateString() ? '' : `${at.toLocaleDateString([], { weekday: 'long' })}, `;
  return `Your server stops at ${day}${time}. Nobody has done anything in it for long. Your notebooks are saved; what their kernels hold goes.`;
}

/** Return the page that starts the server again and leads back to a notebook. */
export function startAddress(home: string, path: string): string {
  const address = new URL('/server', home);
  if (path.endsWith('.ipynb')) {
    address.searchParams.set('next', path);
  }
  return address.href;
}
