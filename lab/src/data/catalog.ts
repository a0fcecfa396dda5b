/** The catalog as this person may see it, a page at a time: nothing is asked for before somebody looks at it. */
import { call } from '../api';

/** As many of a kind as come with one question. */
export const PAGE = 100;
export const FOUND = 50;

export interface Source {
  name: string;
  title: string;
  up: boolean;
  tables: { visible: number; readable: number };
}

export interface Schema {
  name: string;
  visible: number;
  readable: number;
}

/** What of a table or column is closed, by which rule, and whom to ask. */
export interface Lock {
  readable: boolean;
  rule: string | null;
  ask: string | null;
}

export interface Table extends Lock {
  name: string;
  /** The name as a statement needs it. */
  written: string;
  source: string;
  schema: string;
  table: string;
  comment: string;
  /** Columns that hold a word which was looked for. */
  matched: string[];
}

export interface Column extends Lock {
  name: string;
  written: string;
  type: string;
  comment: string;
  partition: boolean;
}

/** Some of a list, and how to ask for what follows; no `more` when that was all. */
export interface Part<T> {
  items: T[];
  more: (() => Promise<Part<T>>) | null;
}

export async function sources(): Promise<Source[]> {
  return (await call<{ sources: Source[] }>('catalog')).sources;
}

export async function schemas(source: string, after = ''): Promise<Part<Schema>> {
  // One more than is shown, to know whether there is one.
  const found = (await call<{ schemas: Schema[] }>('catalog/schemas', { source, after, limit: String(PAGE + 1) })).schemas;
  const items = found.slice(0, PAGE);
  return { items, more: found.length > PAGE ? () => schemas(source, items[PAGE - 1].name) : null };
}

export function tablesOf(source: string, schema: string): Promise<Part<Table>> {
  return tables({ source, schema, limit: String(PAGE) });
}

/** Return tables that have all the words, in their names, comments or columns, wherever they are. */
export function find(text: string): Promise<Part<Table>> {
  return tables({ text, columns: 'true', limit: String(FOUND) });
}

async function tables(asked: Record<string, string>): Promise<Part<Table>> {
  const found = await call<{ tables: Table[]; after: string }>('catalog/tables', asked);
  return { items: found.tables, more: found.after ? () => tables({ ...asked, after: found.after }) : null };
}

export async function columns(table: Table): Promise<Column[]> {
  const { source, schema, table: name } = table;
  return (await call<{ columns: Column[] }>('catalog/table', { source, schema, table: name })).columns;
}

/** Say what closes something. */
export function lockText(lock: Lock): string {
  const rule = lock.rule && lock.rule !== 'default' ? `Locked by the rule ${lock.rule}.` : 'Locked: no rule opens it to you.';
  return lock.ask ? `${rule} Ask ${lock.ask}.` : rule;
}
