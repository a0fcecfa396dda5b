/** The wavy line under a name that an error is about.  It goes when the text under it changes. */
import { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { Extension, StateEffect, StateField } from '@codemirror/state';
import { Decoration, DecorationSet, EditorView } from '@codemirror/view';

type Range = { from: number; to: number } | null;

const set = StateEffect.define<Range>();
const wavy = Decoration.mark({ class: 'swap-mistake' });

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    if (transaction.docChanged) {
      const changed: [number, number][] = [];
      transaction.changes.iterChangedRanges((from, to) => changed.push([from, to]));
      marks = marks.update({ filter: (from, to) => !changed.some(range => range[0] <= to && range[1] >= from) }).map(transaction.changes);
    }
    for (const effect of transaction.effects) {
      if (effect.is(set)) {
        marks = effect.value ? Decoration.set(wavy.range(effect.value.from, effect.value.to)) : Decoration.none;
      }
    }
    return marks;
  },
  provide: own => EditorView.decorations.from(own)
});

/** The part of each editor that holds the line. */
export const mistakes: Extension = field;

/** Underline a range of an editor, or nothing. */
export function underline(editor: CodeEditor.IEditor, range: Range): void {
  if (editor instanceof CodeMirrorEditor && !editor.isDisposed && editor.editor.state.field(field, false)) {
    editor.editor.dispatch({ effects: set.of(range) });
  }
}
