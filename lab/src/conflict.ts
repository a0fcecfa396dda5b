/**
 * Two windows on one notebook: the one that saves last is told so in SWAP's words, and may keep what it has as a copy.
 *
 * JupyterLab asks in a private method of its document context; where a version has none, its own words stay.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { Widget } from '@lumino/widgets';
import { copyName } from './copy';
import { el } from './dom';

type Asked = { _raiseConflict?: (model: Contents.IModel, options: Partial<Contents.IModel>) => Promise<Contents.IModel> };

/** JupyterLab says nothing of an error that has one of these names. */
function quiet(name: 'ModalDuplicateError' | 'ModalCancelError'): Error {
  return Object.assign(new Error('Nothing was saved.'), { name });
}

export function sayConflicts(context: NotebookPanel['context'], contents: Contents.IManager, open: (path: string) => void): void {
  const asked = context as unknown as Asked;
  if (typeof asked._raiseConflict !== 'function') {
    return;
  }
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
        default:
          throw quiet('ModalCancelError');
      }
    } finally {
      asking = false;
    }
  };
}

/** Save a copy beside a notebook and return its path.  Throws in words that JupyterLab's dialog shows. */
async function saveCopy(path: string, contents: Contents.IManager, options: Partial<Contents.IModel>): Promise<string> {
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
      Dialog.okButton({ label: 'Keep mine as a copy', actions: ['copy'] })
    ],
    defaultButton: 3
  });
  return result.button.actions[0] ?? '';
}
