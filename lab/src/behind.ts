/** When a person should be led back to a cell that failed. */

/** Tell whether the view went on past a cell, and nobody types elsewhere.  One cell further is still in sight. */
export function leftBehind(failed: number, active: number, mode: 'command' | 'edit'): boolean {
  return failed >= 0 && active - failed > 1 && mode === 'command';
}
