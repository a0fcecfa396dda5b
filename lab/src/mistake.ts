/** The wavy line under a name that an error is about.  It goes when the text under it changes. */
import { StateEffect, StateField } from '@codemirror/state';
import { Decoration, DecorationSet, EditorView } from '@codemirror/view';

export type Range = { from: number; to: number } | null;

/** Underlines a range, or nothing. */
export const underlined = StateEffect.define<Range>();
const wavy = Decoration.mark({ class: 'swap-mistake' });

/** The part of each editor that holds the line. */
export const mistakes = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    if (transaction.docChanged) {
      const changed: [number, number][] = [];
      transaction.changes.iterChangedRanges((from, to) => changed.push([from, to]));
      marks = marks.update({ filter: (from, to) => !changed.some(range => range[0] <= to && range[1] >= from) }).map(transaction.changes);
    }
    for (const effect of transaction.effects) {
      if (effect.is(underlined)) {
        marks = effect.value ? Decoration.set(wavy.range(effect.value.from, effect.value.to)) : Decoration.none;
      }
    }
    return marks;
  },
  provide: own => EditorView.decorations.from(own)
});
