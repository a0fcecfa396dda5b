/** How a notebook that somebody shares is called in the drive: by its id, which stays, and then for its reader. */

export const DRIVE = 'Shared';
const ENDING = '.ipynb';
const PATH = /^([0-9A-Za-z_-]{1,64})\/[^/]+\.ipynb$/;

/** What is said of a notebook that somebody shares. */
export interface Listed {
  notebook: string;
  name: string;
  owner: string;
  role: string;
  version: number;
  /** When that version was saved. */
  at: string;
}

/** Tell whether somebody with this role may save a notebook. */
export function mayEdit(role: string): boolean {
  return role === 'edit' || role === 'manage';
}

/** Return the name of a notebook's file, with whose it is. */
export function nameOf(listed: Listed): string {
  return `${listed.name} (${listed.owner})${ENDING}`.replace(/[/\\]/g, '-');
}

/** Return where a notebook is in the drive. */
export function pathOf(listed: Listed): string {
  return `${listed.notebook}/${nameOf(listed)}`;
}

/** Return the id of the notebook at a path of the drive, with or without its name; null for what is none. */
export function idOf(path: string): string | null {
  return PATH.exec(path.startsWith(`${DRIVE}:`) ? path.slice(DRIVE.length + 1) : path)?.[1] ?? null;
}

/** Return the id of the notebook at a path of JupyterLab's, if it is one of the drive. */
export function sharedId(path: string): string | null {
  return path.startsWith(`${DRIVE}:`) ? idOf(path) : null;
}
