/** Two texts beside each other, line by line.  Pure. */

export interface Line {
  text: string;
  /** Whether the other text has not got it at this place. */
  own: boolean;
}

/** Steps of a comparison; texts that would take more are shown without marks. */
const MOST = 1_000_000;

/** Return the lines of two texts, with those marked that only one of them has. */
export function beside(one: string, other: string): [Line[], Line[]] {
  const [left, right] = [one.split('\n'), other.split('\n')];
  if (left.length * right.length > MOST) {
    return [left.map(plain), right.map(plain)];
  }
  // Of each pair of places, how many lines both have from there on.
  const wide = right.length + 1;
  const common = new Uint32Array((left.length + 1) * wide);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      common[i * wide + j] =
        left[i] === right[j] ? common[(i + 1) * wide + j + 1] + 1 : Math.max(common[(i + 1) * wide + j], common[i * wide + j + 1]);
    }
  }
  const [mine, theirs]: [Line[], Line[]] = [[], []];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      mine.push(plain(left[i++]));
      theirs.push(plain(right[j++]));
    } else if (j >= right.length || (i < left.length && common[(i + 1) * wide + j] >= common[i * wide + j + 1])) {
      mine.push({ text: left[i++], own: true });
    } else {
      theirs.push({ text: right[j++], own: true });
    }
  }
  return [mine, theirs];
}

function plain(text: string): Line {
  return { text, own: false };
}
