/** A model's name as a part of a file's: a hub's id has a slash. */
export function modelFileName(model: string): string {
  return model.replace(/[^\w.+-]+/g, '_');
}
