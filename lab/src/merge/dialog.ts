/** The question what of each cell is kept, where a notebook was saved elsewhere meanwhile. */
import { Dialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { el } from '../dom';
import { plural } from '../format';
import { beside, Line } from './lines';
import { Cell, Choice, Difference, Merge, Side, textOf } from './merge';

/** What somebody chose. */
export interface Chosen {
  cells: Map<string, Choice>;
  metadata: Map<string, Side>;
  order: Side;
}

const WHOSE: Record<Choice, string> = { mine: 'Mine', theirs: 'Theirs', both: 'Both, mine first' };

/** Ask, and return what was chosen; null to decide later. */
export async function choose(path: string, all: Merge): Promise<Chosen | null> {
  const dialog = new Dialog<Chosen>({
    title: `Choose cell by cell: ${path}`,
    body: new Question(all),
    buttons: [Dialog.cancelButton({ label: 'Decide later' }), Dialog.okButton({ label: 'Save what I chose' })],
    focusNodeSelector: '.mg input:checked'
  });
  dialog.addClass('swap-merge');
  const { button, value } = await dialog.launch();
  return button.accept ? value : null;
}

let asked = 0;

class Question extends Widget {
  private readonly chosen: Chosen;

  constructor(private readonly all: Merge) {
    super({ node: el('div', { class: 'mg' }) });
    this.chosen = {
      cells: new Map(all.differences.map(each => [each.key, each.chosen])),
      metadata: new Map(all.metadata.map(name => [name, 'mine'])),
      order: all.order === 'theirs' ? 'theirs' : 'mine'
    };
    const [open, settled] = [true, false].map(wanted => all.differences.filter(each => (each.by === 'both') === wanted));
    this.node.append(el('p', {}, summary(open.length, settled.length)));
    this.group('You both changed', [...open.map(each => this.cell(each)), ...this.others()]);
    this.group('Changed on one side', settled.map(each => this.cell(each)));
  }

  getValue(): Chosen {
    return this.chosen;
  }

  private group(title: string, questions: HTMLElement[]): void {
    if (questions.length) {
      this.node.append(el('h2', {}, title), ...questions);
    }
  }

  private cell(each: Difference): HTMLElement {
    const { key, base, mine, theirs } = each;
    const [left, right] = mine && theirs ? beside(textOf(mine), textOf(theirs)) : [mine, theirs].map(all);
    const shown = [source('Mine', mine, left, each), source('Theirs', theirs, right, each)];
    const choices: Choice[] = mine && theirs && each.what === 'source' ? ['mine', 'theirs', 'both'] : ['mine', 'theirs'];
    const before = each.by === 'both' && base && each.what === 'source' ? el('div', {}, el('p', { class: 'mg-n' }, 'As it was'), textBox('As it was', all(base))) : null;
    return question(this.title_(each), choices, each.chosen, shown, before, choice => this.chosen.cells.set(key, choice));
  }

  /** Return what is asked beside cells. */
  private others(): HTMLElement[] {
    const sides: Side[] = ['mine', 'theirs'];
    const values = (name: string) => [value('Mine', this.all.mine.metadata[name]), value('Theirs', this.all.theirs.metadata[name])];
    const made = this.all.metadata.map(name =>
      question(`Metadata of the notebook: ${name}`, sides, 'mine', values(name), null, choice => this.chosen.metadata.set(name, choice as Side))
    );
    if (this.all.order === 'both') {
      made.unshift(question('The order of the cells: you both moved some', sides, 'mine', [], null, choice => (this.chosen.order = choice as Side)));
    }
    return made;
  }

  private title_({ mine, theirs, base, what, by }: Difference): string {
    const at = mine ? this.all.mine.cells.indexOf(mine) : this.all.theirs.cells.indexOf(theirs!);
    const where = `Cell ${at + 1}${mine ? '' : ' of theirs'}`;
    const who = { mine: 'you', theirs: 'they', both: 'you both' }[by];
    if (what === 'outputs') {
      return `${where}: ${who} ran it again`;
    }
    if (by !== 'both') {
      return `${where}: ${who} ${!base ? 'added it' : mine && theirs ? 'changed it' : 'deleted it'}`;
    }
    return `${where}: ${mine && theirs ? 'you both changed it' : mine ? 'you changed it, they deleted it' : 'they changed it, you deleted it'}`;
  }
}

function summary(open: number, settled: number): string {
  const said = [
    open ? `You both changed ${plural(open, 'cell')}: what each side has is chosen.` : '',
    settled ? `One side changed ${plural(settled, 'cell')}: that change is chosen.` : ''
  ];
  return [...said, 'Choose otherwise where you want to. What you do not choose of theirs stays in the history.'].filter(Boolean).join(' ');
}

function question(title: string, choices: Choice[], chosen: Choice, shown: HTMLElement[], before: HTMLElement | null, choose: (choice: Choice) => void): HTMLElement {
  const name = `swap-merge-${++asked}`;
  const radio = (choice: Choice) => {
    const input = el('input', { type: 'radio', name, value: choice, checked: choice === chosen });
    input.addEventListener('change', () => choose(choice));
    return el('label', {}, input, WHOSE[choice]);
  };
  const columns = choices.filter(choice => choice !== 'both').map((choice, at) => el('div', {}, radio(choice), shown[at]));
  const both = choices.includes('both') ? el('div', { class: 'mg-b' }, radio('both')) : null;
  return el('fieldset', {}, el('legend', {}, title), el('div', { class: 'mg-s' }, ...columns, before), both);
}

/** Return a cell's text, and what it showed where that differs. */
function source(whose: string, cell: Cell | null, lines: Line[], { base, what }: Difference): HTMLElement {
  if (!cell) {
    return el('p', { class: 'mg-n' }, base ? 'Deleted' : 'Not there');
  }
  const outputs = el('p', { class: 'mg-n' }, showed(cell));
  return el('div', {}, textBox(whose, lines), cell.cell_type === 'code' || what === 'outputs' ? outputs : null);
}

function textBox(name: string, lines: Line[]): HTMLElement {
  return el('pre', { tabindex: 0, role: 'group', 'aria-label': name }, ...lines.map(line => el(line.own ? 'mark' : 'span', {}, `${line.text}\n`)));
}

function value(whose: string, of: unknown): HTMLElement {
  return textBox(whose, [{ text: of === undefined ? 'none' : JSON.stringify(of, null, 1), own: false }]);
}

function all(cell: Cell | null): Line[] {
  return cell ? textOf(cell).split('\n').map(text => ({ text, own: false })) : [];
}

/** Say in words what a cell shows. */
function showed(cell: Cell): string {
  const outputs = (cell.outputs ?? []) as { output_type?: string; data?: Record<string, unknown>; text?: unknown; ename?: string }[];
  if (!outputs.length) {
    return 'No outputs';
  }
  const pictures = outputs.filter(each => Object.keys(each.data ?? {}).some(mime => mime.startsWith('image/'))).length;
  const failed = outputs.find(each => each.output_type === 'error')?.ename;
  const printed = outputs.map(each => each.text).find(text => text !== undefined);
  const first = printed === undefined ? '' : `: ${[printed].flat().join('').trim().slice(0, 60)}`;
  const more = [pictures ? plural(pictures, 'picture') : '', failed ? `fails with ${failed}` : ''].filter(Boolean);
  return [plural(outputs.length, 'output') + first, ...more].join(', ');
}
