/**
 * Python's `strftime` for 26 July 2024, 00:00, the date that Llama 3's own templates fall back on. `-` in front of a
 * letter (glibc) leaves leading zeros out.
 */
export function strftime(format: string): string {
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, bare: string, letter: string) => {
    const part = PARTS[letter];
    if (part === undefined) throw new Error(`strftime_now knows no ${whole}`);
    return bare === '' ? part : part.replace(/^0+(?=\d)/, '');
  });
}

const PARTS: Readonly<Record<string, string>> = {
  Y: '2024',
  y: '24',
  m: '07',
  d: '26',
  e: '26',
  j: '208',
  B: 'July',
  b: 'Jul',
  h: 'Jul',
  A: 'Friday',
  a: 'Fri',
  u: '5',
  w: '5',
  H: '00',
  I: '12',
  M: '00',
  S: '00',
  f: '000000',
  p: 'AM',
  F: '2024-07-26',
  T: '00:00:00',
  D: '07/26/24',
  Z: '',
  z: '',
  '%': '%',
};
