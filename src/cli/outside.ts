/** How verbs meet the process: stdout, the command line, Ctrl-C. */
export interface Outside {
  readonly print: (text: string) => void;
  readonly commandLine: string;
  readonly signal: AbortSignal;
}
