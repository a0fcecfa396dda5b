/** An open notebook that was saved elsewhere meanwhile, put together with that cell by cell, as its person chooses. */
import type { NotebookPanel } from '@jupyterlab/notebook';
import { choose } from './dialog';
import { Merge, merge, merged, Notebook } from './merge';
import { opened, put } from './model';

export class Merging {
  /** The notebook as it was opened here, or saved last: what mine and theirs began as. */
  private base: Notebook | null = null;

  constructor(private readonly context: NotebookPanel['context']) {
    void context.ready.then(() => this.read());
  }

  /** Remember the notebook as it is now: it was just read. */
  read(): void {
    if (!this.context.isDisposed) {
      this.base = this.context.model.toJSON() as unknown as Notebook;
    }
  }

  /** Remember the notebook as it was saved. */
  saved(notebook: Notebook): void {
    this.base = notebook;
  }

  /** Ask what of each cell is kept; return the notebook, which is in the window then, or null to decide later. */
  async with(theirs: Notebook): Promise<Notebook | null> {
    const { model } = this.context;
    const was = opened(model);
    const all = merge(this.base, was.notebook, theirs);
    const chosen = isMine(all) ? null : await choose(this.context.localPath, all);
    if (!isMine(all)) {
      if (!chosen || this.context.isDisposed) {
        return null;
      }
      const { cells, metadata, order } = chosen;
      const made = merged(all, each => cells.get(each.key)!, order, name => metadata.get(name)!, () => crypto.randomUUID());
      put(model.sharedModel, was, made);
    }
    this.base = theirs;
    return model.toJSON() as unknown as Notebook;
  }
}

/** Tell whether theirs has nothing that mine has not got: then there is nothing to ask. */
function isMine({ differences, metadata, order }: Merge): boolean {
  return differences.every(each => each.by === 'mine') && !metadata.length && order === 'mine';
}
