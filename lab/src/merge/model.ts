/** Puts a merged notebook into an open one: what stays as it was stays in its place, with its kernel's outputs. */
import type { INotebookModel } from '@jupyterlab/notebook';
import type { Cell, Notebook } from './merge';

type Shared = INotebookModel['sharedModel'];

/** An open notebook as it was when its person was asked: which cell of it is which. */
export interface Open {
  notebook: Notebook;
  ids: Map<Cell, string>;
}

export function opened(model: INotebookModel): Open {
  const notebook = model.toJSON() as unknown as Notebook;
  return { notebook, ids: new Map(notebook.cells.map((cell, at) => [cell, model.sharedModel.getCell(at).id])) };
}

/** Change the notebook in one step, which can be undone. */
export function put(shared: Shared, was: Open, merged: Notebook): void {
  const kept = new Set(merged.cells.map(cell => was.ids.get(cell)));
  const known = new Set(was.ids.values());
  const before = new Map(shared.cells.map(each => [each.id, each]));
  // Within a step the notebook's own list of cells stays as it was.
  const now = shared.cells.map(each => each.id);
  const insert = (at: number, id: string, cell: unknown) => {
    shared.insertCell(at, cell as Parameters<Shared['insertCell']>[1]);
    now.splice(at, 0, id);
  };
  const remove = (at: number) => {
    shared.deleteCell(at);
    now.splice(at, 1);
  };
  shared.transact(() => {
    for (let at = now.length - 1; at >= 0; at--) {
      // What came while its person was asked is nobody's to leave out.
      if (known.has(now[at]) && !kept.has(now[at])) {
        remove(at);
      }
    }
    merged.cells.forEach((cell, at) => {
      const id = was.ids.get(cell);
      if (id === undefined) {
        insert(at, cell.id ?? '', cell);
      } else if (now[at] !== id) {
        remove(now.indexOf(id));
        insert(at, id, before.get(id)!.toJSON());
      }
    });
    if (JSON.stringify(merged.metadata) !== JSON.stringify(was.notebook.metadata)) {
      shared.metadata = merged.metadata as Shared['metadata'];
    }
  });
}
