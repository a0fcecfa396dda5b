/** SWAP in the launcher: what colleagues share, and examples to copy, each a page of the portal. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { ILauncher } from '@jupyterlab/launcher';

const CARDS: [command: string, label: string, caption: string, path: string][] = [
  ['swap:gallery', 'Notebooks of Colleagues', 'Find notebooks that others share with you: opens the gallery in SWAP', '/gallery'],
  ['swap:examples', 'Examples to Copy', 'Templates and examples: opens them in SWAP, where a click copies one into your home', '/gallery#examples']
];

export function addCards({ commands }: JupyterFrontEnd, launcher: ILauncher | null, palette: ICommandPalette | null): void {
  CARDS.forEach(([command, label, caption, path], rank) => {
    commands.addCommand(command, {
      label,
      caption,
      iconClass: args => (args.card ? `swap-card ${command.replace(':', '-')}` : ''),
      describedBy: { args: { type: 'object', properties: { card: { type: 'boolean' } } } },
      execute: () => {
        window.open(new URL(path, PageConfig.getOption('swapHome')), '_blank', 'noopener');
      }
    });
    launcher?.add({ command, args: { card: true }, category: 'SWAP', rank });
    palette?.addItem({ command, category: 'SWAP' });
  });
}
