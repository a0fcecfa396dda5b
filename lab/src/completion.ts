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
import { inCell, inSql, place, Reply } from './place';

function standsInSql(context: ICompletionContext): boolean {
  const editor = context.editor;
  if (!editor) {
    return false;
  }
  return inSql(editor.model.sharedModel.getSource(), editor.getOffsetAt(editor.getCursorPosition()));
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
    const at = place(request.text, request.offset);
    const none = { start: request.offset, end: request.offset, items: [] };
    if (!at) {
      return none;
    }
    const body = JSON.stringify({ sql: at.sql, offset: at.offset });
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
