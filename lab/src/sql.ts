/** SQL in cells that begin with %%swap, and inside swap.sql("…") of Python cells. */
import { ensureSyntaxTree, syntaxTree } from '@codemirror/language';
import { Extension, Prec, RangeSetBuilder } from '@codemirror/state';
import { Decoration, DecorationSet, EditorView, ViewPlugin, ViewUpdate } from '@codemirror/view';
import { highlightTree } from '@lezer/highlight';
import { jupyterHighlightStyle } from '@jupyterlab/codemirror';
import { isMagic, sql, switching } from './language';
import { mistakes } from './mistake';
import { sqlOfString } from './place';

/** Return the extension of one editor, given its first text. */
export function swapCells(source: string): Extension {
  return [switching(source), sqlInStrings, mistakes];
}

const marks = new Map<string, Decoration>();

function mark(classes: string): Decoration {
  let found = marks.get(classes);
  if (!found) {
    marks.set(classes, (found = Decoration.mark({ class: classes })));
  }
  return found;
}

/** Colours the text of swap.sql("…") as SQL; Python stays the language. */
const sqlInStrings = Prec.highest(
  ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = strings(view);
      }
      update(update: ViewUpdate): void {
        if (update.docChanged || update.viewportChanged || syntaxTree(update.startState) !== syntaxTree(update.state)) {
          this.decorations = strings(update.view);
        }
      }
    },
    { decorations: plugin => plugin.decorations }
  )
);

function strings(view: EditorView): DecorationSet {
  const state = view.state;
  const builder = new RangeSetBuilder<Decoration>();
  const length = state.doc.length;
  if (!/swap\s*\.\s*sql/.test(state.doc.sliceString(0, length)) || isMagic(state.doc)) {
    return builder.finish();
  }
  const tree = ensureSyntaxTree(state, Math.min(length, view.viewport.to), 20) ?? syntaxTree(state);
  tree.iterate({
    enter: node => {
      if (node.name !== 'String' && node.name !== 'FormatString') {
        return;
      }
      const before = state.doc.sliceString(Math.max(0, node.from - 80), node.from);
      const found = sqlOfString(before, state.doc.sliceString(node.from, node.to));
      if (found) {
        const from = node.from + found.from;
        // Names have no colour of their own and would keep the string's.
        if (found.sql) {
          builder.add(from, from + found.sql.length, mark('swap-in-string'));
        }
        highlightTree(sql.parser.parse(found.sql), jupyterHighlightStyle, (start, end, classes) =>
          builder.add(from + start, from + end, mark(classes))
        );
      }
      return false;
    }
  });
  return builder.finish();
}
