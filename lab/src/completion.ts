/**
 * Names from SWAP's catalog by Tab, in SQL.  Lab waits a second for every provider, so Lab's own two stand
 * aside inside SQL: a busy kernel does not hold names back.
 */
import {
  CompletionHandler,
  ContextCompleterProvider,
  ICompletionContext,
  ICompletionProvider,
  KernelCompleterProvider
} from '@jupyterlab/completer';
import { call } from './api';
import { MAGIC } from './sql';

/** A statement within a text; offsets are code points, as Lab's completer and the gateway count. */
export interface Place {
  sql: string;
  offset: number;
  base: number;
}

const OPENED = /swap\s*\.\s*sql\s*\(\s*(?:sql\s*=\s*)?[rRfF]{0,2}("""|'''|"|')((?:(?!\1)[\s\S])*)$/;

/** Return the statement around a cursor, or null outside SQL.  `offset` counts code points. */
export function place(text: string, offset: number): Place | null {
  const points = Array.from(text);
  const before = points.slice(0, offset).join('');
  if (MAGIC.test(text)) {
    const line = text.indexOf('\n', text.search(/\S/));
    if (line < 0 || before.length <= line) {
      return null;
    }
    const base = Array.from(text.slice(0, line + 1)).length;
    return { sql: text.slice(line + 1), offset: offset - base, base };
  }
  const found = OPENED.exec(before);
  if (!found) {
    return null;
  }
  const start = before.length - found[2].length;
  const close = text.indexOf(found[1], before.length);
  const base = Array.from(text.slice(0, start)).length;
  return { sql: text.slice(start, close < 0 ? undefined : close), offset: offset - base, base };
}

function inSql(context: ICompletionContext): boolean {
  const editor = context.editor;
  if (!editor) {
    return false;
  }
  const text = editor.model.sharedModel.getSource();
  const cursor = editor.getOffsetAt(editor.getCursorPosition());
  return place(text, Array.from(text.slice(0, cursor)).length) !== null;
}

interface Reply {
  start: number;
  end: number;
  items: { label: string; insert: string; type: string; documentation?: string | null }[];
}

/** Completes from the catalog, as this person may see it. */
export class SwapProvider implements ICompletionProvider {
  readonly identifier = 'CompletionProvider:swap';
  readonly rank = 1100;
  readonly renderer = null;

  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return inSql(context);
  }

  async fetch(request: CompletionHandler.IRequest): Promise<CompletionHandler.ICompletionItemsReply> {
    const at = place(request.text, request.offset);
    const none = { start: request.offset, end: request.offset, items: [] };
    if (!at) {
      return none;
    }
    const body = JSON.stringify({ sql: at.sql, offset: at.offset });
    const reply = await call<Reply>('complete', {}, { method: 'POST', body }).catch(() => null);
    if (!reply) {
      return none;
    }
    return {
      start: at.base + reply.start,
      end: at.base + reply.end,
      items: reply.items.map(item => ({
        label: item.label,
        insertText: item.insert,
        type: item.type,
        documentation: item.documentation ?? undefined
      }))
    };
  }

  async resolve(item: CompletionHandler.ICompletionItem): Promise<CompletionHandler.ICompletionItem> {
    return item;
  }
}

export class KernelProvider extends KernelCompleterProvider {
  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return !inSql(context) && super.isApplicable(context);
  }
}

export class ContextProvider extends ContextCompleterProvider {
  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return !inSql(context) && super.isApplicable(context);
  }
}
