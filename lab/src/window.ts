/**
 * What a window shows, sooner than Lab itself would know: its workspace, and the notebook its address names.
 *
 * Lab's resolver waits up to half a second for other windows to object; its router, a second for a save of what it
 * remembers.
 */
import type { ILabShell, JupyterFrontEnd } from '@jupyterlab/application';
import type { IWindowResolver } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { claim } from './workspace';

/** Return the window's name, its workspace; leave for a workspace of its own when another window has this one. */
export async function resolve(): Promise<IWindowResolver> {
  const name = PageConfig.getOption('workspace') || PageConfig.defaultWorkspace;
  // Without a secure context there are no locks; then windows share what they remember.
  if (navigator.locks && !(await claim(navigator.locks, `swap:workspace:${PageConfig.getBaseUrl()}${name}`))) {
    const query = new URLSearchParams(window.location.search);
    query.set('reset', '1');
    const url = PageConfig.getUrl({ workspace: `auto-${crypto.randomUUID().slice(0, 8)}` });
    window.location.replace(`${url}?${query}${window.location.hash}`);
    return new Promise(() => undefined);
  }
  return { name };
}

/**
 * Open the notebook of the address as soon as there is a place for it.
 *
 * Lab's own way to open it comes later, and leaves in front what its person has opened meanwhile.
 */
export function openEarly(app: JupyterFrontEnd): void {
  const path = PageConfig.getOption('treePath');
  if (!path.endsWith('.ipynb')) {
    return;
  }
  void app.restored.then(() => app.commands.execute('docmanager:open', { path }));
  app.commands.commandExecuted.connect((_, { id, args, result }) => {
    const front = app.shell.currentWidget;
    if (id === LATE && args.path === path && args.dontShowBrowser && front) {
      void result.then(() => app.shell.activateById(front.id));
    }
  });
}

/** What Lab opens the notebook of the address with. */
const LATE = 'filebrowser:open-path';

/** Below this width of a window a side panel leaves no room for a notebook. */
const NARROW = '(max-width: 639px)';

/** Fold the side panels away when the window is narrow, or becomes so; whoever unfolds one has it. */
export function foldAway(app: JupyterFrontEnd, shell: ILabShell): void {
  const narrow = window.matchMedia(NARROW);
  const fold = () => {
    if (narrow.matches) {
      shell.collapseLeft();
      shell.collapseRight();
    }
  };
  narrow.addEventListener('change', fold);
  void app.restored.then(fold);
}
