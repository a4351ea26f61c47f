// The order in which policies act and what each phase's policies compile to (contract 2); printed in the docs.
import type { Exchange, Reply } from './exchange.ts';
import type { HeaderList } from './header-list.ts';

/** Judges a connection before any byte of HTTP is read. */
export interface ConnectionRule {
  accept(connection: { readonly address: string; readonly port: number }): boolean;
}

/**
 * Acts once per exchange. One that can judge by the connection alone says so with `accept`, for connections that hold no
 * requests. `request` returns undefined to go on, or a reply to stop; it may be sync.
 */
export interface Step extends Partial<ConnectionRule> {
  readonly request?: (exchange: Exchange) => undefined | Reply | Promise<undefined | Reply>;
  /** Runs for every exchange whose `request` half ran, in reverse order, whatever made the reply. */
  readonly response?: (exchange: Exchange, reply: Reply) => void | Promise<void>;
  /** `upstream` limits the response half to replies of a backend. */
  readonly on?: 'upstream';
  /** Whether the step reads the request body; where no step does, bytes flow through untouched. */
  readonly readsRequestBody?: boolean;
  readonly readsResponseBody?: boolean;
  /** Whether nobody gets past the step without having shown who they are; whoever warns of open doors relies on it. */
  readonly isMandatory?: boolean;
}

/** One try at one target: headers are a copy-on-write overlay, the exchange stays as it is. */
export interface Attempt {
  readonly exchange: Exchange;
  readonly id: string;
  headers: HeaderList;
}

/** Acts once per attempt. */
export interface AttemptRule {
  prepare(attempt: Attempt): void | Promise<void>;
  finish?(attempt: Attempt, reply: Reply | undefined): void;
}

/** What a guard says of a text. */
export type GuardVerdict =
  | { readonly action: 'pass' }
  | { readonly action: 'mask'; readonly text: string }
  | { readonly action: 'reject'; readonly message: string };

/** Judges text spans of prompts and answers. */
export interface Guard {
  readonly scopes: readonly ('systemPrompt' | 'messages' | 'toolInput' | 'toolOutput')[];
  /** How much of a stream may be held back, in bytes. */
  readonly holdBytesMax: number;
  judge(
    text: string,
    context: { readonly exchange: Exchange; readonly channel: string },
  ): GuardVerdict | Promise<GuardVerdict>;
}

/** Contract → what `compile` returns. */
export interface Contracts {
  connection: ConnectionRule;
  step: Step;
  attempt: AttemptRule;
  guard: Guard;
  setting: object;
}

/** Every phase, in the order in which an exchange meets it, and the contract its policies compile to. */
export const phases = {
  connection: 'connection',
  cors: 'step',
  admit: 'step',
  authenticate: 'step',
  'external-authorize': 'step',
  authorize: 'step',
  limit: 'step',
  'external-process': 'step',
  transform: 'step',
  filters: 'step',
  mirror: 'step',
  rewrite: 'step',
  guard: 'guard',
  attempt: 'attempt',
  setting: 'setting',
} as const satisfies Record<string, keyof Contracts>;

/** A named point in an exchange's way. */
export type Phase = keyof typeof phases;

/** What policies of a phase compile to. */
export type ContractOf<P extends Phase> = Contracts[(typeof phases)[P]];

/** The place of each phase in the order. */
export const phaseOrder: Readonly<Record<Phase, number>> = Object.fromEntries(
  Object.keys(phases).map((phase, index) => [phase, index]),
) as Record<Phase, number>;
