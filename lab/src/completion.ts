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
import { dialectOf, inCell, inSql, option, place, Reply } from './place';

function standsInSql(context: ICompletionContext): boolean {
  const editor = context.editor;
  if (!editor) {
    return false;
  }
  const text = editor.model.sharedModel.getSource();
  const at = editor.getOffsetAt(editor.getCursorPosition());
  return inSql(text, at) || option(text, Array.from(text.slice(0, at)).length) !== null;
}

/** Completes from the catalog, as this person may see it. */
export class SwapProvider implements ICompletionProvider {
  readonly identifier = 'CompletionProvider:swap';
  readonly rank = 1100;
  readonly renderer = null;

  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return standsInSql(context);
  }

  async fetch(request: CompletionHandler.IRequest): Promise<CompletionHandler.ICompletionItemsReply> {
    const typed = option(request.text, request.offset);
    if (typed) {
      return typed;
    }
    const at = place(request.text, request.offset);
    const none = { start: request.offset, end: request.offset, items: [] };
    if (!at) {
      return none;
    }
    const body = JSON.stringify({ sql: at.sql, offset: at.offset, dialect: dialectOf(request.text) });
    const reply = await call<Reply>('complete', {}, { method: 'POST', body }).catch(() => null);
    return reply ? inCell(reply, at) : none;
  }

  async resolve(item: CompletionHandler.ICompletionItem): Promise<CompletionHandler.ICompletionItem> {
    return item;
  }
}

export class KernelProvider extends KernelCompleterProvider {
  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return !standsInSql(context) && super.isApplicable(context);
  }
}

export class ContextProvider extends ContextCompleterProvider {
  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return !standsInSql(context) && super.isApplicable(context);
  }
}
