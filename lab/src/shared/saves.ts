/** A save of a notebook that somebody shares: what becomes of it when another was saved first, or when it may be saved no more. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { Widget } from '@lumino/widgets';
import { Refused } from '../api';
import { Asked, newer, quiet } from '../conflict';
import { copyName } from '../copy';
import { el } from '../dom';
import type { SharedDrive } from './drive';

type Context = NotebookPanel['context'];

/** Of a notebook, what is looked at here. */
export interface Content {
  cells: Cell[];
}
export interface Cell {
  id?: string;
  cell_type: string;
  outputs?: { data?: object }[];
}

/** What somebody's own files are written with, and opened. */
export interface Home {
  contents: Contents.IManager;
  open: (path: string) => void;
}

/** Ask what becomes of a save that was refused, where JupyterLab would say the error alone. */
export function saySaves(context: Context, drive: SharedDrive, notebook: string, home: Home): void {
  const asked = context as unknown as Asked;
  const save = asked._maybeSave?.bind(asked);
  if (!save) {
    return;
  }
  let asking = false;
  asked._maybeSave = async options => {
    try {
      return await save(options);
    } catch (error) {
      const version = newer(error);
      if (asking || (version === null && !mayNot(error))) {
        throw error;
      }
      asking = true;
      try {
        switch (version === null ? await chooseWithout((error as Error).message) : await choose(drive.said(notebook)?.name ?? '', version)) {
          case 'copy':
            home.open(await keepCopy(context, drive, notebook, home));
            throw quiet('ModalCancelError');
          case 'theirs':
            await context.revert();
            throw quiet('ModalCancelError');
          case 'mine':
            drive.follow(notebook, { shown: version ?? 0 });
            return await home.contents.save(context.path, options);
          default:
            throw quiet('ModalCancelError');
        }
      } finally {
        asking = false;
      }
    }
  };
}

/** Save what somebody wrote into their own files, and return where.  Its outputs may come from what is not theirs to keep. */
export async function keepCopy(context: Context, drive: SharedDrive, notebook: string, home: Home): Promise<string> {
  const content = context.model.toJSON() as unknown as Content;
  for (const cell of content.cells) {
    if (cell.cell_type === 'code') {
      Object.assign(cell, { outputs: [], execution_count: null });
    }
  }
  const name = `${drive.said(notebook)?.name ?? 'notebook'}.ipynb`;
  const path = await copyName(name, each => home.contents.get(each, { content: false }));
  await home.contents.save(path, { type: 'notebook', format: 'json', content });
  context.model.dirty = false;
  return path;
}

function mayNot(error: unknown): boolean {
  const refused = error instanceof Refused ? error : error instanceof ServerConnection.ResponseError ? error.response : null;
  return refused?.status === 403 || refused?.status === 404;
}

async function choose(name: string, version: number): Promise<string> {
  const words = [
    `${name} was saved by somebody else meanwhile, as version ${version}. Nothing is lost, and nothing was saved from here.`,
    `Saved after it, yours becomes version ${version + 1}; version ${version} stays in the history.`
  ];
  const actions = [
    Dialog.createButton({ label: `Show version ${version}`, actions: ['theirs'] }),
    Dialog.createButton({ label: 'Save mine after it', actions: ['mine'] })
  ];
  return ask('Saved elsewhere meanwhile', words, actions);
}

async function chooseWithout(why: string): Promise<string> {
  return ask('Not saved', [why, 'Nothing is lost: what you wrote is still here.'], []);
}

async function ask(title: string, words: string[], actions: Dialog.IButton[]): Promise<string> {
  const body = new Widget({ node: el('div', {}, ...words.map(each => el('p', {}, each)), el('p', {}, 'A copy is kept in your own files, without outputs.')) });
  const buttons = [
    Dialog.cancelButton({ label: 'Decide later' }),
    ...actions,
    Dialog.okButton({ label: 'Keep mine as a copy', actions: ['copy'] })
  ];
  const result = await showDialog({ title, body, buttons, defaultButton: buttons.length - 1 });
  return result.button.actions[0] ?? '';
}
