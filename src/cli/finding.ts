/** One thing that `winnow doctor` looked at. */
export interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'fault';
  readonly says: string;
  /** Numbers for programs. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Of a fault: 1 for the machine (default), 2 for what the user gave. */
  readonly exitCode?: number;
}

export function finding(
  what: string,
  state: Finding['state'],
  says: string,
  data?: Readonly<Record<string, unknown>>,
): Finding {
  return { what, state, says, ...(data === undefined ? {} : { data }) };
}
