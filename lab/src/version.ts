/** How a notebook was saved last, in words. */

export interface Saved {
  /** None while it is on this machine only. */
  version: number | null;
  /** Why it is. */
  why: string | null;
  /** What SWAP says of the room that is left, when that is little. */
  warning: string;
}

/** Return what the status bar says; nothing before the first save. */
export function said(saved: Saved): string {
  if (saved.version !== null) {
    return `Saved, version ${saved.version}${saved.warning ? '; little room left' : ''}`;
  }
  return saved.why ? 'Saved on this machine only' : '';
}

/** Return what is said of it at length. */
export function explained(saved: Saved): string {
  return saved.version !== null ? saved.warning || 'Show its history' : `${saved.why ?? ''} You may go on.`.trim();
}
