/** Whose a workspace is. */

/** How long another window's claim is waited for: one that is being reloaded has let go of it by then. */
const RELOAD_MS = 1000;

/** What is needed of the browser's locks. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, held: () => Promise<void>): Promise<unknown>;
}

/** Claim a workspace for as long as this window lives; tell whether it is ours. */
export function claim(locks: Locks, name: string): Promise<boolean> {
  return new Promise(resolve => {
    const held = () => {
      resolve(true);
      return new Promise<void>(() => undefined);
    };
    locks.request(name, { signal: AbortSignal.timeout(RELOAD_MS) }, held).catch(() => resolve(false));
  });
}
