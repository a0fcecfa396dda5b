/** Says that the server will be stopped because nobody does anything in it, while there is time to keep it. */
import { Notification } from '@jupyterlab/apputils';
import { stopWords } from './standing';

let shown: { id: string; at: string } | null = null;

/** Show when the server will be stopped, or take away what was shown; `keep` lets it run on. */
export function tellOfStop(at: string | null, keep: () => Promise<void>): void {
  if (shown?.at === at) {
    return;
  }
  if (shown) {
    Notification.dismiss(shown.id);
    shown = null;
  }
  if (at) {
    const actions = [{ label: 'Keep it running', caption: 'Your server is not stopped', displayType: 'accent' as const, callback: () => void keep() }];
    shown = { at, id: Notification.warning(stopWords(new Date(at), new Date()), { autoClose: false, actions }) };
  }
}
