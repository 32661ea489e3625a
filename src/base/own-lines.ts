import { closeSync, openSync, readSync } from 'node:fs';

const PIECE_BYTES = 2 ** 18;
const NEWLINE = 0x0a;

/**
 * The rows of a JSON Lines file that winnow wrote itself, one after the other: a file of any length needs memory for
 * one piece of it, or for its longest line. Blank lines are skipped. What people wrote is read by `readJsonLines`,
 * which says where a fault is.
 */
export function* parseLines<T>(path: string, pieceBytes = PIECE_BYTES): Generator<T> {
  const file = openSync(path, 'r');
  try {
    let buffer = Buffer.allocUnsafe(pieceBytes);
    /** Bytes of a line whose end is not yet read, at the buffer's start. */
    let held = 0;
    for (;;) {
      if (held === buffer.length) buffer = Buffer.concat([buffer], 2 * held);
      const read = readSync(file, buffer, held, buffer.length - held, null);
      const seen = buffer.subarray(0, held + read);
      // A line break is one byte that is part of no other character: lines are whole before they are decoded.
      let start = 0;
      for (let end = seen.indexOf(NEWLINE, held); end >= 0; end = seen.indexOf(NEWLINE, start)) {
        if (end > start) yield JSON.parse(seen.toString('utf8', start, end)) as T;
        start = end + 1;
      }
      if (read === 0) {
        if (held > 0) yield JSON.parse(seen.toString('utf8')) as T;
        return;
      }
      held = seen.length - start;
      buffer.copyWithin(0, start, seen.length);
    }
  } finally {
    closeSync(file);
  }
}
