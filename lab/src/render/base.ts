/** What all our renderers share: one node of ours, filled anew, out of reach of Lab's single-key shortcuts. */
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';

export abstract class SwapRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(protected readonly mime: string) {
    super();
    this.addClass('swap-out');
    // A key pressed on our buttons and tables is theirs: in command mode "c" or "x" would act on the cell.
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    try {
      await this.fill(model.data[this.mime]);
    } catch (error) {
      // Never Lab's red box: the output is data somebody saved, and may be anything.
      console.error(error);
      this.node.textContent = 'SWAP cannot show this output: it was saved by another version, or damaged.';
    }
  }

  protected abstract fill(data: unknown): Promise<void> | void;
}
