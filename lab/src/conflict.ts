/**
 * Two windows on one notebook: the one that saves last is told so in SWAP's words, and may keep what it has as a copy, or
 * choose cell by cell.  So is who saves after another machine of theirs: SWAP's store then has a version that this home does not.
 *
 * JupyterLab asks in private methods of its document context; where a version has none, its own words stay.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { Widget } from '@lumino/widgets';
import { call } from './api';
import { copyName } from './copy';
import { el } from './dom';
import { Merging } from './merge';
import type { Notebook } from './merge/merge';
import { pageOf } from './pages';

export type Asked = {
  _raiseConflict?: (model: Contents.IModel, options: Partial<Contents.IModel>) => Promise<Contents.IModel>;
  _maybeSave?: (options: Partial<Contents.IModel>) => Promise<Contents.IModel>;
};

/** JupyterLab says nothing of an error that has one of these names. */
export function quiet(name: 'ModalDuplicateError' | 'ModalCancelError'): Error {
  return Object.assign(new Error('Nothing was saved.'), { name });
}

export function sayConflicts(context: NotebookPanel['context'], contents: Contents.IManager, open: (path: string) => void): void {
  const asked = context as unknown as Asked;
  if (typeof asked._raiseConflict !== 'function') {
    return;
  }
  const merging = new Merging(context);
  const revert = context.revert.bind(context);
  let reverted = false;
  context.revert = async () => {
    await revert();
    reverted = true;
    merging.read();
  };
  let asking = false;
  asked._raiseConflict = async (model, options) => {
    if (asking) {
      throw quiet('ModalDuplicateError');
    }
    asking = true;
    try {
      switch (await choose(context.path)) {
        case 'copy': {
          const path = await saveCopy(context.path, contents, options);
          await context.revert();
          open(path);
          return model;
        }
        case 'theirs':
          await context.revert();
          return model;
        case 'mine':
          return await contents.save(context.path, options);
        case 'merge':
          return await mergeFile(context.path, contents, merging, options);
        default:
          throw quiet('ModalCancelError');
      }
    } finally {
      asking = false;
    }
  };
  const save = asked._maybeSave?.bind(asked);
  if (save) {
    asked._maybeSave = async options => {
      reverted = false;
      const made = await save(options).catch(async error => {
        const version = newer(error);
        if (version === null || asking) {
          throw error;
        }
        asking = true;
        try {
          return await goOn(version, context, contents, merging, options, open);
        } finally {
          asking = false;
        }
      });
      if (!reverted) {
        merging.saved(options.content as Notebook);
      }
      return made;
    };
  }
}

/** Choose cell by cell between what is here and the file, until nobody has written that meanwhile; save it. */
async function mergeFile(path: string, contents: Contents.IManager, merging: Merging, options: Partial<Contents.IModel>): Promise<Contents.IModel> {
  for (;;) {
    const theirs = await contents.get(path, { content: true, type: 'notebook', hash: true });
    Object.assign(options, { content: await chosen(merging, theirs.content) });
    const now = await contents.get(path, { content: false, hash: true });
    if (now.hash ? now.hash === theirs.hash : now.last_modified === theirs.last_modified) {
      return contents.save(path, options);
    }
  }
}

/** Choose cell by cell between what is here and the newest version, until there is no newer one; save it. */
async function mergeVersion(path: string, contents: Contents.IManager, merging: Merging, options: Partial<Contents.IModel>): Promise<Contents.IModel> {
  for (;;) {
    const theirs = await call<{ shown: number; content: Notebook }>('own/version', { path: contents.localPath(path) });
    Object.assign(options, { content: await chosen(merging, theirs.content) });
    await follow(contents.localPath(path), theirs.shown);
    try {
      return await contents.save(path, options);
    } catch (error) {
      if (newer(error) === null) {
        throw error;
      }
    }
  }
}

async function chosen(merging: Merging, theirs: Notebook): Promise<Notebook> {
  const made = await merging.with(theirs);
  if (!made) {
    throw quiet('ModalCancelError');
  }
  return made;
}

/** Let the next save follow a version. */
async function follow(path: string, version: number): Promise<void> {
  await call('saved', { path }, { method: 'POST', body: JSON.stringify({ version }) });
}

/** Return the version that the store has and this home does not, if that is why a save was refused. */
export function newer(error: unknown): number | null {
  const refused = error instanceof ServerConnection.ResponseError && error.response.status === 409 ? error.message : '';
  const version = /was saved elsewhere meanwhile, as version (\d+)\. What is there/.exec(refused);
  return version ? Number(version[1]) : null;
}

/** Ask what becomes of a notebook that was saved on another machine, and do it. */
async function goOn(
  version: number,
  context: NotebookPanel['context'],
  contents: Contents.IManager,
  merging: Merging,
  options: Partial<Contents.IModel>,
  open: (path: string) => void
): Promise<Contents.IModel> {
  switch (await chooseAfter(context.path, version)) {
    case 'copy': {
      const path = await saveCopy(context.path, contents, options);
      open(path);
      throw quiet('ModalCancelError');
    }
    case 'theirs':
      window.open(pageOf('history', context.localPath), '_blank', 'noopener');
      throw quiet('ModalCancelError');
    case 'mine':
      await follow(context.localPath, version);
      return contents.save(context.path, options);
    case 'merge':
      return mergeVersion(context.path, contents, merging, options);
    default:
      throw quiet('ModalCancelError');
  }
}

async function chooseAfter(path: string, version: number): Promise<string> {
  const body = new Widget({
    node: el(
      'div',
      {},
      el('p', {}, `${path} was saved elsewhere meanwhile, as version ${version}. Nothing is lost, and nothing was saved from here.`),
      el('p', {}, `Saved after it, yours becomes version ${version + 1}; version ${version} stays in the history.`)
    )
  });
  const result = await showDialog({
    title: 'Saved elsewhere meanwhile',
    body,
    buttons: [
      Dialog.cancelButton({ label: 'Decide later' }),
      Dialog.createButton({ label: 'Look at the history', actions: ['theirs'] }),
      Dialog.createButton({ label: 'Save mine after it', actions: ['mine'] }),
      Dialog.createButton({ label: 'Choose cell by cell', actions: ['merge'] }),
      Dialog.okButton({ label: 'Keep mine as a copy', actions: ['copy'] })
    ],
    defaultButton: 4
  });
  return result.button.actions[0] ?? '';
}

/** Save a copy beside a notebook and return its path.  Throws in words that JupyterLab's dialog shows. */
export async function saveCopy(path: string, contents: Contents.IManager, options: Partial<Contents.IModel>): Promise<string> {
  try {
    const copy = await copyName(path, name => contents.get(name, { content: false }));
    await contents.save(copy, options);
    return copy;
  } catch (error) {
    const why = error instanceof ServerConnection.NetworkError ? 'Your server does not answer.' : (error as Error).message;
    throw new Error(`No copy was saved. ${why} Nothing is lost: what you have is still here, and saving asks you again.`);
  }
}

async function choose(path: string): Promise<string> {
  const body = new Widget({
    node: el(
      'div',
      {},
      el('p', {}, `${path} was saved from another window or program since you opened it here. Nothing is lost, and nothing was saved from here.`),
      el('p', {}, 'A copy keeps both: what was saved there stays, and yours opens beside it.')
    )
  });
  const result = await showDialog({
    title: 'Saved elsewhere meanwhile',
    body,
    buttons: [
      Dialog.cancelButton({ label: 'Decide later' }),
      Dialog.warnButton({ label: 'Overwrite it with mine', actions: ['mine'] }),
      Dialog.createButton({ label: 'Take what was saved', actions: ['theirs'] }),
      Dialog.createButton({ label: 'Choose cell by cell', actions: ['merge'] }),
      Dialog.okButton({ label: 'Keep mine as a copy', actions: ['copy'] })
    ],
    defaultButton: 4
  });
  return result.button.actions[0] ?? '';
}
