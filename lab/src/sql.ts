/**
 * SQL in cells that begin with %%swap, and inside swap.sql("…") of Python cells.
 *
 * The language of an editor is swapped in the same transaction that completes or destroys the magic: no
 * flash, and undo, reload and consoles work.  It wins over Lab's language by precedence.
 */
import { SQLDialect } from '@codemirror/lang-sql';
import {
  defineLanguageFacet,
  ensureSyntaxTree,
  HighlightStyle,
  Language,
  LanguageSupport,
  languageDataProp,
  syntaxHighlighting,
  syntaxTree
} from '@codemirror/language';
import { Compartment, EditorState, Extension, Prec, RangeSetBuilder } from '@codemirror/state';
import { Decoration, DecorationSet, EditorView, ViewPlugin, ViewUpdate } from '@codemirror/view';
import { Input, NodeType, parseMixed, Parser, PartialParse, Tree, TreeFragment } from '@lezer/common';
import { highlightTree, styleTags, Tag, tags } from '@lezer/highlight';
import { jupyterHighlightStyle } from '@jupyterlab/codemirror';
import { mistakes } from './mistake';
import { MAGIC, magicLength, sqlOfString } from './place';

const MAGIC_CHARS = 200;

/** What one SELECT can hold; words that are rather columns (year, month, name) stay plain. */
const dialect = SQLDialect.define({
  keywords:
    'all and anti any as asc asof between by case cast collate cross current_date current_time current_timestamp desc ' +
    'describe distinct else end escape except exclude exists explain extract fetch filter first following for from full ' +
    'group grouping having ilike in inner intersect interval is isnull join last lateral left like limit natural not ' +
    'notnull nulls of offset on only or order ordinality outer over partition pivot positional preceding qualify range ' +
    'recursive replace right rollup row rows sample select semi sets similar some table tablesample then ties to ' +
    'try_cast unbounded union unnest unpivot using values when where window with within without ' +
    'avg coalesce count date_trunc greatest least max min nullif rank row_number round sum ' +
    'approx_count_distinct array_agg string_agg lower upper substring trim',
  types:
    'bigint binary bit blob boolean char date decimal double float hugeint int integer json numeric precision real ' +
    'smallint text time timestamp timestamptz tinyint ubigint uinteger uuid varbinary varchar',
  builtin: '',
  operatorChars: '*+-%<>!=&|~^/:',
  doubleQuotedStrings: false
});
// Lab sets operators in bold purple, which is loud in SQL's many equal signs.
const sql = dialect.language.configure({ props: [styleTags({ Operator: tags.separator })] });

const magicLine = Tag.define();

const bodyData = defineLanguageFacet({ commentTokens: { line: '--', block: { open: '/*', close: '*/' } } });
// Without comment tokens of its own, select-all and Ctrl-/ would comment the magic out and lose it.
const magicData = defineLanguageFacet({});

const Cell = NodeType.define({ id: 0, name: 'SwapCell', top: true, props: [[languageDataProp, bodyData]] });
const Magic = NodeType.define({
  id: 1,
  name: 'SwapMagic',
  top: true,
  props: [[languageDataProp, magicData], styleTags({ SwapMagic: magicLine })]
});
const Body = NodeType.define({ id: 2, name: 'SwapBody' });
const nest = parseMixed(node => (node.type === Body ? { parser: sql.parser } : null));

/** Splits a cell into its magic line and the SQL below. */
class CellParser extends Parser {
  createParse(input: Input, fragments: readonly TreeFragment[], ranges: readonly { from: number; to: number }[]): PartialParse {
    return nest(new CellParse(input), input, fragments, ranges);
  }
}

class CellParse implements PartialParse {
  constructor(private readonly _input: Input) {
    this.parsedPos = _input.length;
  }
  readonly parsedPos: number;
  readonly stoppedAt = null;
  stopAt(): void {
    /* one step, never stopped */
  }
  advance(): Tree {
    const length = this._input.length;
    const text = this._input.read(0, length);
    const first = magicLength(text);
    const magic = new Tree(Magic, [], [], first);
    return first < length
      ? new Tree(Cell, [magic, new Tree(Body, [], [], length - first)], [0, first], length)
      : new Tree(Cell, [magic], [0], length);
  }
}

const language = new Language(bodyData, new CellParser(), [], 'swap');
const on: Extension = Prec.highest([
  new LanguageSupport(language),
  syntaxHighlighting(HighlightStyle.define([{ tag: magicLine, class: 'swap-magic' }]))
]);

/** Return the extension of one editor, given its first text. */
export function swapCells(source: string): Extension {
  const slot = new Compartment();
  return [
    slot.of(MAGIC.test(source) ? on : []),
    EditorState.transactionExtender.of(transaction => {
      const now = MAGIC.test(transaction.newDoc.sliceString(0, MAGIC_CHARS));
      const was = slot.get(transaction.startState) === on;
      return now === was ? null : { effects: slot.reconfigure(now ? on : []) };
    }),
    sqlInStrings,
    mistakes
  ];
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
  if (!/swap\s*\.\s*sql/.test(state.doc.sliceString(0, length)) || MAGIC.test(state.doc.sliceString(0, MAGIC_CHARS))) {
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
