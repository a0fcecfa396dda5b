/** Draws the wavy line of `mistake.ts` in one of Lab's editors. */
import { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { mistakes, Range, underlined } from './mistake';

/** Underline a range of an editor, or nothing. */
export function underline(editor: CodeEditor.IEditor, range: Range): void {
  if (editor instanceof CodeMirrorEditor && !editor.isDisposed && editor.editor.state.field(mistakes, false)) {
    editor.editor.dispatch({ effects: underlined.of(range) });
  }
}
