/**
 * The tags of a value: itself, each of a list, or the names of an object's fields that are true (as in lists of harms
 * that are ticked off). Nothing, false, 0 and the empty text are no tag.
 */
export function tagsOf(value: unknown): string[] {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return [];
  if (Array.isArray(value)) return [...new Set(value.flatMap(tagsOf))];
  if (typeof value === 'object')
    return Object.entries(value).flatMap(([name, on]) => (tagsOf(on).length > 0 ? [name] : []));
  return [String(value)];
}
