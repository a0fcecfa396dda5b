/** Where a name goes in a cell, and what goes with it. */

/** A name of the catalog, as a statement needs it. */
export interface Name {
  written: string;
  kind: 'table' | 'column';
}

/** Return a cell that asks for ten rows of a table, in the notebook's language. */
export function statement(table: string, language: string): string {
  const sql = `SELECT *\nFROM ${table}\nLIMIT 10`;
  return language === 'R' ? `swap_sql('\n${sql.replace(/[\\']/g, '\\$&')}\n')` : `%%swap\n${sql}`;
}

/**
 * Return the text to put at the cursor of a cell.  An empty cell becomes a statement, and behind something that was
 * named a column follows after a comma, anything else after a space.
 */
export function insertion(name: Name, cell: string, before: string, language = 'python'): string {
  if (!cell.trim() && name.kind === 'table') {
    return statement(name.written, language);
  }
  if (!/[\w"\])*]$/.test(before)) {
    return name.written;
  }
  return (name.kind === 'column' && !/\b(select|distinct|by|where|and|or|on|from|join|having)$/i.test(before) ? ', ' : ' ') + name.written;
}
