/** Whether a text may be a hub's name for a model: `org/name`, as no path on this machine needs to look. */
export function isHubId(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(text);
}
