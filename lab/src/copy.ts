/** What a copy of a notebook is called. */

/** Copies of one notebook; who has so many cannot tell them apart. */
const MOST = 100;

/**
 * Return the first name beside a notebook that nothing has.
 *
 * `get` fails with 404 for what is not there; what else it fails with is passed on, for it says nothing of a name.
 */
export async function copyName(path: string, get: (path: string) => Promise<unknown>): Promise<string> {
  const at = path.lastIndexOf('.');
  const [stem, suffix] = at > path.lastIndexOf('/') + 1 ? [path.slice(0, at), path.slice(at)] : [path, ''];
  for (let number = 1; number <= MOST; number++) {
    const name = `${stem}-mine${number > 1 ? `-${number}` : ''}${suffix}`;
    try {
      await get(name);
    } catch (error) {
      if ((error as { response?: Response }).response?.status === 404) {
        return name;
      }
      throw error;
    }
  }
  throw new Error(`There are ${MOST} copies of ${path} already: delete or rename some of them.`);
}
