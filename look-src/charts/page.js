// What both kinds of charts need: the specification, the page's colours, and a sentence where nothing can be drawn.
const style = getComputedStyle(document.documentElement);

/** The specification, which SWAP has rebuilt from a list; the address of nothing. */
export const specification = () => JSON.parse(place.dataset.chart);

export const place = document.getElementById('chart');

/** Return a colour of the page. */
export const colour = (name) => style.getPropertyValue(`--${name}`).trim();

/** Draw, and say so when that fails. */
export async function drawn(draw) {
  try {
    await draw();
    place.dataset.drawn = '';
  } catch (error) {
    const said = document.createElement('p');
    said.className = 'none';
    said.textContent = `This chart cannot be drawn. ${error.message}`;
    place.replaceChildren(said);
  }
}
