import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepClean } from '../src/clean';

type Slot = (sender: unknown, change: never) => void;

/** What JupyterLab tells through. */
class Signal {
  readonly slots = new Set<Slot>();
  connect(slot: Slot): void {
    this.slots.add(slot);
  }
  disconnect(slot: Slot): void {
    this.slots.delete(slot);
  }
  emit(change: object | null = null): void {
    this.slots.forEach(slot => slot(null, change as never));
  }
}

/** A notebook as JupyterLab opens it: the model is dirty as soon as anything in it changes. */
class Notebook {
  readonly kernelChanged = new Signal();
  readonly model = { dirty: false, isDisposed: false, contentChanged: new Signal(), metadataChanged: new Signal() };
  known: () => void = () => undefined;

  constructor() {
    keepClean({ model: this.model, context: { sessionContext: { kernelChanged: this.kernelChanged } } } as unknown as Parameters<typeof keepClean>[0]);
  }

  start(spec: Promise<unknown> = Promise.resolve()): void {
    const info = new Promise<void>(resolve => (this.known = resolve));
    this.kernelChanged.emit({ newValue: { info, spec } });
  }

  /** Change the content; with a key, as JupyterLab does for metadata: it is told as one of the content, too. */
  change(key?: string): void {
    this.model.dirty = true;
    this.model.contentChanged.emit();
    if (key) {
      this.model.metadataChanged.emit({ key });
    }
  }

  /** Let the kernel say what it is, and everything that waits for it happen. */
  async settle(): Promise<void> {
    this.known();
    await new Promise(resolve => setImmediate(resolve));
    await new Promise(resolve => setTimeout(resolve));
    await new Promise(resolve => setImmediate(resolve));
  }
}

test('a notebook that only its kernel described is unchanged', async () => {
  const notebook = new Notebook();
  notebook.start();
  notebook.change('kernelspec');
  notebook.change('language_info');
  await notebook.settle();
  assert.equal(notebook.model.dirty, false);
});

test('a notebook that a person changed meanwhile is changed', async () => {
  const notebook = new Notebook();
  notebook.start();
  notebook.change('kernelspec');
  notebook.change();
  await notebook.settle();
  assert.equal(notebook.model.dirty, true);
});

test('any other metadata is a change', async () => {
  const notebook = new Notebook();
  notebook.start();
  notebook.change('title');
  await notebook.settle();
  assert.equal(notebook.model.dirty, true);
});

test('a notebook that was changed before its kernel came stays changed', async () => {
  const notebook = new Notebook();
  notebook.change();
  notebook.start();
  notebook.change('kernelspec');
  await notebook.settle();
  assert.equal(notebook.model.dirty, true);
});

test('what the kernel says while it is asked counts, and what comes later is a change', async () => {
  const notebook = new Notebook();
  notebook.start();
  await new Promise(resolve => setImmediate(resolve));
  notebook.change('kernelspec');
  await notebook.settle();
  assert.equal(notebook.model.dirty, false);
  notebook.change('language_info');
  assert.equal(notebook.model.dirty, true);
});

test('a kernel without a specification is waited for all the same', async () => {
  const notebook = new Notebook();
  notebook.start(Promise.reject(new Error('gone')));
  notebook.change('language_info');
  await notebook.settle();
  assert.equal(notebook.model.dirty, false);
});

test('a kernel that goes is none to wait for, and nothing listens afterwards', async () => {
  const notebook = new Notebook();
  notebook.kernelChanged.emit({ newValue: null });
  assert.equal(notebook.model.contentChanged.slots.size, 0);
  notebook.start();
  assert.equal(notebook.model.contentChanged.slots.size, 1);
  await notebook.settle();
  assert.deepEqual([notebook.model.contentChanged.slots.size, notebook.model.metadataChanged.slots.size], [0, 0]);
});

test('a notebook that was closed meanwhile is left alone', async () => {
  const notebook = new Notebook();
  notebook.start();
  notebook.change('kernelspec');
  notebook.model.isDisposed = true;
  await notebook.settle();
  assert.equal(notebook.model.dirty, true);
});
