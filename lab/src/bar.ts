/** Whose notebook this is: the way home at the left end of the top bar, name and sign-out at the right. */
import { JupyterFrontEnd, ILabShell } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';
import { Widget } from '@lumino/widgets';
import { el, safeHref } from './dom';

const SVG = 'http://www.w3.org/2000/svg';

/** SWAP's mark: two bars that change places. */
function mark(): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 22 22');
  svg.setAttribute('aria-hidden', 'true');
  const shape = (tag: string, attributes: Record<string, string>) => {
    const node = document.createElementNS(SVG, tag);
    Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
    svg.append(node);
  };
  shape('path', { d: 'M1 4.5h13v5H1z', class: 'swap-m1' });
  shape('circle', { cx: '18.5', cy: '7', r: '2.5', class: 'swap-m2' });
  shape('path', { d: 'M8 12.5h13v5H8z', class: 'swap-m3' });
  shape('circle', { cx: '3.5', cy: '15', r: '2.5', class: 'swap-m2' });
  return svg;
}

export function addBar(app: JupyterFrontEnd, shell: ILabShell | null): void {
  const home = safeHref(PageConfig.getOption('swapHome')) ?? '/';
  const name = PageConfig.getOption('swapName');

  const logo = new Widget({ node: el('a', { href: home, 'aria-label': 'SWAP, home', title: 'Back to SWAP: home, data, my notebooks' }) });
  logo.id = 'swap-logo';
  logo.node.append(mark(), 'SWAP');
  app.shell.add(logo, 'top', { rank: 0 });

  const who = new Widget();
  who.id = 'swap-who';
  who.node.setAttribute('role', 'group');
  who.node.setAttribute('aria-label', 'You');
  who.node.append(
    el('span', { class: 'swap-name', title: `Signed in as ${name}` }, name),
    el('a', { href: new URL('/sign-out', home).href, class: 'swap-out-link' }, 'Sign out')
  );
  app.shell.add(who, 'top', { rank: 10000 });
  keepInSight(shell);
}

/** In simple mode Lab can hide the top bar; then nobody would see whose notebook this is, or how to leave. */
function keepInSight(shell: ILabShell | null): void {
  if (!shell) {
    return;
  }
  const show = () => {
    if (shell.mode === 'single-document' && !shell.isTopInSimpleModeVisible()) {
      shell.toggleTopInSimpleModeVisibility();
    }
  };
  shell.layoutModified.connect(show);
  shell.modeChanged.connect(show);
  show();
}
