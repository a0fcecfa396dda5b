/** The drive *Shared*: what others share with this person, read from SWAP each time, and saved there where they may edit it. */
import { PageConfig } from '@jupyterlab/coreutils';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { ISignal, Signal } from '@lumino/signaling';
import { call, Refused } from '../api';
import { DRIVE, idOf, Listed, mayEdit, nameOf, pathOf } from './path';

/** Notebooks of the list, those that were shared last; SWAP's own page has all. */
const MOST = 200;

/** What a notebook is to this person now, and what of a version they may see. */
export interface Standing extends Listed {
  shown: number;
  key: string;
  hidden: number;
}

type Page = { notebooks: Listed[]; more: boolean };

function refused(what: string): Promise<never> {
  return Promise.reject(new Error(`${what} This drive shows what others share with you.`));
}

function nowhere(): Promise<never> {
  return Promise.reject(new ServerConnection.ResponseError(new Response(null, { status: 404 }), 'There is no notebook at this address.'));
}

export class SharedDrive implements Contents.IDrive {
  readonly name = DRIVE;
  readonly serverSettings = ServerConnection.makeSettings();
  private readonly changed = new Signal<this, Contents.IChangedArgs>(this);
  private readonly opened = new Map<string, Standing>();
  private disposed = false;

  get fileChanged(): ISignal<this, Contents.IChangedArgs> {
    return this.changed;
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  dispose(): void {
    this.disposed = true;
    Signal.clearData(this);
  }

  /** Return what was said of a notebook when it was read last. */
  said(notebook: string): Standing | undefined {
    return this.opened.get(notebook);
  }

  /** Go on from another version than the one that was read, or with other rights. */
  follow(notebook: string, said: Partial<Standing>): void {
    const before = this.opened.get(notebook);
    if (before) {
      this.opened.set(notebook, { ...before, ...said });
    }
  }

  async get(path: string, options: Contents.IFetchOptions = {}): Promise<Contents.IModel> {
    const notebook = idOf(path);
    if (notebook === null) {
      return path.endsWith('.ipynb') ? nowhere() : this.list();
    }
    if (options.content === false) {
      const now = model(await call<Listed>(`shared/${notebook}`));
      // Whether another version was saved meanwhile is for who takes the save to say.
      return { ...now, last_modified: this.opened.get(notebook)?.at ?? now.last_modified };
    }
    const { content, ...said } = await call<Standing & { content: unknown }>(`shared/${notebook}/version`);
    this.opened.set(notebook, said);
    return { ...model(said), content, format: 'json' };
  }

  private async list(): Promise<Contents.IModel> {
    const found: Contents.IModel[] = [];
    for (let more = true; more && found.length < MOST; ) {
      const page = await call<Page>('shared', { from: String(found.length) });
      found.push(...page.notebooks.map(model));
      more = page.more && page.notebooks.length > 0;
    }
    return { ...NOTHING, type: 'directory', content: found, format: 'json' };
  }

  async getDownloadUrl(path: string): Promise<string> {
    const notebook = idOf(path);
    // A picture beside a notebook is not shared: there is nothing at its address.
    return notebook === null ? 'data:,' : portal(notebook, '/export?as=seen');
  }

  newUntitled(): Promise<never> {
    return refused('Nothing can be made here: make it in your own files.');
  }

  delete(): Promise<never> {
    return refused('Nothing can be deleted here.');
  }

  rename(): Promise<never> {
    return refused('Nothing can be renamed or moved here.');
  }

  copy(): Promise<never> {
    return refused('Nothing can be copied here: to have a copy of your own, fork the notebook on its page in SWAP.');
  }

  async save(path: string, options: Partial<Contents.IModel> = {}): Promise<Contents.IModel> {
    const notebook = idOf(path);
    const said = notebook === null ? undefined : this.opened.get(notebook);
    if (!said || !mayEdit(said.role)) {
      return refused('This was not saved: you may view the notebook. To keep what you changed, fork it on its page in SWAP.');
    }
    const body = JSON.stringify({ base: said.shown, path: `${DRIVE}:${path}`, content: options.content });
    try {
      const { version } = await call<{ version: number }>(`shared/${said.notebook}/version`, {}, { method: 'PUT', body });
      const now = await call<Standing>(`shared/${said.notebook}`, { version: String(version) });
      this.opened.set(said.notebook, now);
      return model(now);
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      const words = [error.problem?.title, error.problem?.why, error.problem?.todo].filter(Boolean).join(' ');
      throw new ServerConnection.ResponseError(new Response(null, { status: error.status }), words || error.message);
    }
  }

  /** Each version is one to go back to; its owner does. */
  async createCheckpoint(path: string): Promise<Contents.ICheckpointModel> {
    const said = this.opened.get(idOf(path) ?? '');
    return said ? { id: String(said.shown), last_modified: said.at } : refused('There are no checkpoints here.');
  }

  async listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return [];
  }

  restoreCheckpoint(): Promise<never> {
    return refused('There are no checkpoints here: its owner can go back to each version.');
  }

  deleteCheckpoint(): Promise<never> {
    return refused('There are no checkpoints here.');
  }
}

const NOTHING: Contents.IModel = {
  name: '',
  path: '',
  type: 'directory',
  writable: false,
  created: '',
  last_modified: '',
  mimetype: '',
  content: null,
  format: null
};

function model(said: Listed): Contents.IModel {
  const moments = { created: said.at, last_modified: said.at };
  return { ...NOTHING, ...moments, name: nameOf(said), path: pathOf(said), type: 'notebook', writable: mayEdit(said.role) };
}

/** Return the address of a notebook's page in SWAP. */
export function portal(notebook: string, step = ''): string {
  return new URL(`/n/${notebook}${step}`, PageConfig.getOption('swapHome')).href;
}
