/** A notebook that was only opened is not marked as changed. */
import type { NotebookPanel } from '@jupyterlab/notebook';

/** What Jupyter writes of a kernel into a notebook that it just opened; a person's next save keeps it. */
const OF_KERNEL = new Set(['kernelspec', 'language_info']);

/** Take the mark away again when nothing changed but what the kernel says of itself. */
export function keepClean(panel: NotebookPanel): void {
  panel.context.sessionContext.kernelChanged.connect((_, { newValue: kernel }) => {
    const model = panel.model;
    if (!kernel || !model || model.dirty) {
      return;
    }
    let others = 0;
    const changed = () => {
      others += 1;
    };
    // A change of metadata is told as one of the content, too.
    const described = (_sender: unknown, change: { key: string }) => {
      others -= OF_KERNEL.has(change.key) ? 1 : 0;
    };
    model.contentChanged.connect(changed);
    model.metadataChanged.connect(described);
    void Promise.allSettled([kernel.info, kernel.spec])
      .then(() => new Promise(resolve => setTimeout(resolve)))
      .then(() => {
        if (model.isDisposed) {
          return;
        }
        model.contentChanged.disconnect(changed);
        model.metadataChanged.disconnect(described);
        if (others === 0) {
          model.dirty = false;
        }
      });
  });
}
