/**
 * A tree that asks for what is below a row when the row is opened.  Keys are those of every tree: arrows move and
 * open, Home and End go to the ends, Enter does what the row is for.  One row at a time can be tabbed to.
 */
import { el, icon, Icon } from '../dom';
import type { Part } from './catalog';

/** How long an answer may take before the row says that it waits. */
const PATIENCE_MS = 300;

export interface Row {
  label: string;
  /** What stands at the right: a type, a number. */
  aside?: string;
  icon?: { name: Icon; label: string };
  /** A second line, always there. */
  note?: string;
  /** What is said of the row elsewhere while it is looked at: a line that comes and goes would move what is clicked. */
  hint?: string;
  /** What is below; the words are said while it is on its way. */
  below?: { asking: string; ask: () => Promise<Part<Row>> };
  /** What Enter and a click do; without it they open the row. */
  use?: () => void;
  /** A button beside what opens. */
  button?: { label: string; press: () => void };
  /** The text that leaves with the row when it is dragged. */
  drag?: string;
}

/** The words for an error. */
export type Tell = (error: unknown) => string;

export class Tree {
  readonly node: HTMLElement;

  constructor(
    label: string,
    private readonly tell: Tell,
    private readonly look: (hint: string) => void
  ) {
    this.node = el('ul', { role: 'tree', class: 'dp-tree', 'aria-label': label });
    this.node.addEventListener('keydown', event => this.key(event));
  }

  /** Show these rows and no others. */
  show(rows: HTMLElement[]): void {
    this.node.replaceChildren(...rows);
    rows[0]?.setAttribute('tabindex', '0');
  }

  /** Return the rows of a part of a list, the last of which asks for more. */
  rows(part: Part<Row>, level: number): HTMLElement[] {
    const made = part.items.map(row => this.row(row, level));
    const { more } = part;
    if (more) {
      const last = this.row({ label: 'Show more', use: () => void this.follow(last, level, more) }, level);
      last.classList.add('dp-more');
      made.push(last);
    }
    return made;
  }

  /** Put what follows in the place of the row that asked for it. */
  private async follow(last: HTMLElement, level: number, more: () => Promise<Part<Row>>): Promise<void> {
    if (last.getAttribute('aria-busy')) {
      return;
    }
    last.setAttribute('aria-busy', 'true');
    try {
      const made = this.rows(await more(), level);
      const focused = last === document.activeElement;
      last.replaceWith(...made);
      if (focused || !this.node.querySelector('[tabindex="0"]')) {
        this.focus(made[0] ?? this.visible()[0], focused);
      }
    } catch (error) {
      last.removeAttribute('aria-busy');
      last.querySelector('.dp-n')!.textContent = `${this.tell(error)} Try again`;
    }
  }

  private row(row: Row, level: number): HTMLElement {
    const name = el('span', { class: 'dp-n' }, row.label);
    const item = el(
      'li',
      { role: 'treeitem', tabindex: '-1', 'aria-level': level, 'aria-expanded': row.below ? 'false' : null, 'aria-description': row.hint },
      el(
        'div',
        { class: 'dp-r', draggable: row.drag ? 'true' : null, title: row.drag ? 'Drag it into a cell' : null },
        el('span', { class: 'dp-o', 'aria-hidden': 'true' }, row.below ? icon('next') : null),
        name,
        row.icon ? icon(row.icon.name, '', row.icon.label) : null,
        row.aside ? el('span', { class: 'dp-a' }, row.aside) : null,
        row.button ? this.press(row.button) : null
      ),
      row.note ? el('div', { class: 'dp-s' }, row.note) : null
    );
    item.style.setProperty('--dp-level', String(level - 1));
    const toggle = () => row.below && void this.toggle(item, row.below, level);
    item.addEventListener('click', event => {
      event.stopPropagation();
      this.focus(item);
      (row.below ? toggle : row.use)?.();
    });
    for (const looked of ['focusin', 'mouseover']) {
      item.addEventListener(looked, event => {
        event.stopPropagation();
        this.look(row.hint ?? '');
      });
    }
    item.addEventListener('dp-use', () => (row.use ?? toggle)());
    item.addEventListener('dp-toggle', toggle);
    item.addEventListener('dragstart', event => {
      event.stopPropagation();
      event.dataTransfer?.setData('text/plain', row.drag ?? '');
    });
    return item;
  }

  private press(wanted: { label: string; press: () => void }): HTMLElement {
    const made = el('button', { type: 'button', tabindex: '-1', class: 'dp-b', 'aria-label': wanted.label, title: wanted.label }, icon('add'));
    made.addEventListener('click', event => {
      event.stopPropagation();
      wanted.press();
    });
    return made;
  }

  private async toggle(item: HTMLElement, below: NonNullable<Row['below']>, level: number): Promise<void> {
    const open = item.getAttribute('aria-expanded') === 'true';
    item.setAttribute('aria-expanded', String(!open));
    const group = item.querySelector<HTMLElement>(':scope > [role="group"]') ?? item.appendChild(el('ul', { role: 'group' }));
    group.hidden = open;
    if (open) {
      this.keepFocus(item);
    } else if (!group.childElementCount) {
      await this.fill(group, below, level + 1);
    }
  }

  private async fill(group: HTMLElement, below: NonNullable<Row['below']>, level: number): Promise<void> {
    const waiting = this.row({ label: below.asking }, level);
    const patience = window.setTimeout(() => group.replaceChildren(waiting), PATIENCE_MS);
    try {
      const rows = this.rows(await below.ask(), level);
      group.replaceChildren(...(rows.length ? rows : [this.row({ label: 'Nothing that you may see' }, level)]));
    } catch (error) {
      const again = this.row({ label: `${this.tell(error)} Try again`, use: () => void this.fill(group, below, level) }, level);
      group.replaceChildren(again);
    } finally {
      window.clearTimeout(patience);
      this.keepFocus(group.parentElement!);
    }
  }

  private visible(): HTMLElement[] {
    return [...this.node.querySelectorAll<HTMLElement>('[role="treeitem"]')].filter(item => !item.closest('[hidden]'));
  }

  private focus(item: HTMLElement | undefined, move = true): void {
    if (!item) {
      return;
    }
    this.node.querySelectorAll('[role="treeitem"][tabindex="0"]').forEach(each => each.setAttribute('tabindex', '-1'));
    item.setAttribute('tabindex', '0');
    if (move) {
      item.focus();
    }
  }

  /** When the row that could be tabbed to is gone, the one above it can. */
  private keepFocus(item: HTMLElement): void {
    const at = this.node.querySelector('[role="treeitem"][tabindex="0"]');
    if (!at || at.closest('[hidden]')) {
      this.focus(item, item.contains(document.activeElement));
    }
  }

  private key(event: KeyboardEvent): void {
    const item = (event.target as HTMLElement).closest<HTMLElement>('[role="treeitem"]');
    if (!item || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const rows = this.visible();
    const at = rows.indexOf(item);
    const expanded = item.getAttribute('aria-expanded');
    const moves: Record<string, () => void> = {
      ArrowDown: () => this.focus(rows[at + 1]),
      ArrowUp: () => this.focus(rows[at - 1]),
      Home: () => this.focus(rows[0]),
      End: () => this.focus(rows.at(-1)),
      ArrowRight: () => (expanded === 'false' ? item.dispatchEvent(new Event('dp-toggle')) : expanded && this.focus(rows[at + 1])),
      ArrowLeft: () =>
        expanded === 'true' ? item.dispatchEvent(new Event('dp-toggle')) : this.focus(item.parentElement?.closest<HTMLElement>('[role="treeitem"]') ?? undefined),
      Enter: () => item.dispatchEvent(new Event('dp-use')),
      ' ': () => item.dispatchEvent(new Event(expanded ? 'dp-toggle' : 'dp-use'))
    };
    const move = moves[event.key];
    if (move) {
      event.preventDefault();
      event.stopPropagation();
      move();
    }
  }
}
