/**
 * The language of a cell that begins with %%swap: the magic's line, then SQL.
 *
 * The language of an editor is swapped in the same transaction that completes or destroys the magic: no
 * flash, and undo, reload and consoles work.  It wins over Lab's language by precedence.
 */
import { SQLDialect } from '@codemirror/lang-sql';
import { defineLanguageFacet, HighlightStyle, Language, LanguageSupport, languageDataProp, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, Extension, Prec, Text } from '@codemirror/state';
import { Input, NodeType, parseMixed, Parser, PartialParse, Tree, TreeFragment } from '@lezer/common';
import { styleTags, Tag, tags } from '@lezer/highlight';
import { MAGIC, magicLength } from './place';

const MAGIC_CHARS = 2000;

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
  doubleQuotedStrings: false,
  doubleDollarQuotedStrings: true
});
// Lab sets operators in bold purple, which is loud in SQL's many equal signs.
export const sql = dialect.language.configure({ props: [styleTags({ Operator: tags.separator })] });

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

/** Tell whether a text begins with the magic. */
export function isMagic(text: Text): boolean {
  return MAGIC.test(text.sliceString(0, MAGIC_CHARS));
}

/** Return the extension that makes an editor's language SQL while its text begins with the magic. */
export function switching(source: string): Extension {
  const slot = new Compartment();
  return [
    slot.of(MAGIC.test(source) ? on : []),
    EditorState.transactionExtender.of(transaction => {
      const now = isMagic(transaction.newDoc);
      const was = slot.get(transaction.startState) === on;
      return now === was ? null : { effects: slot.reconfigure(now ? on : []) };
    })
  ];
}
