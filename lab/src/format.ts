/** Numbers and moments as people read them. */

/** Put thousands separators into the digits of a number's text; other text comes back as it is. */
export function grouped(text: string): string {
  const found = /^(-?)(\d+)((?:\.\d+)?)$/.exec(text);
  return found ? found[1] + found[2].replace(/\B(?=(\d{3})+$)/g, ',') + found[3] : text;
}

export function count(value: number): string {
  return grouped(String(Math.round(value)));
}

/** 0.03 s, 5.1 s, 2 min 5 s. */
export function seconds(value: number): string {
  if (value < 0.1) {
    return `${value.toFixed(2)} s`;
  }
  if (value < 120) {
    return `${value.toFixed(1)} s`;
  }
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** about 16 s, about 3 min. */
export function roughly(value: number): string {
  return value < 90 ? `about ${Math.max(1, Math.round(value))} s` : `about ${Math.round(value / 60)} min`;
}

/** 14 MB, 9.7 GB: decimal units, two digits that count. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Return the end of an axis of five steps that holds a number of seconds. */
export function axis(elapsed: number): number {
  const steps = [0.2, 0.4, 1, 2, 4, 6, 10, 12, 20, 30, 60, 120, 180, 300, 600, 1200, 3600];
  const step = steps.find(candidate => candidate * 5 >= elapsed) ?? Math.ceil(elapsed / 5 / 3600) * 3600;
  return step * 5;
}
