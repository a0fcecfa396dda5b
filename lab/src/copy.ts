/** What a copy of a notebook is called. */

/** Return the first name beside a notebook that nothing has. */
export async function copyName(path: string, taken: (path: string) => Promise<boolean>): Promise<string> {
  const at = path.lastIndexOf('.');
  const [stem, suffix] = at > path.lastIndexOf('/') + 1 ? [path.slice(0, at), path.slice(at)] : [path, ''];
  for (let number = 1; ; number++) {
    const name = `${stem}-mine${number > 1 ? `-${number}` : ''}${suffix}`;
    if (!(await taken(name))) {
      return name;
    }
  }
}
