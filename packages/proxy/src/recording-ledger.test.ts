// The ledger without limits: one settlement per attempt, the first one, and no more memory than is said.
import { expect, test } from 'vitest';
import type { Settlement } from '@agentgateway/quota';
import { RecordingLedger } from './recording-ledger.ts';

const bound = { costNano: 10n, tokens: 5 };
const settlement = (tokens: number): Settlement => ({ end: 'completed', costNano: 1n, tokens, source: 'reported' });

test('the first settlement of an attempt stays', async () => {
  const ledger = new RecordingLedger();
  expect(await ledger.reserve('a', bound)).toEqual({ attemptId: 'a', bound });
  expect(ledger.openCount).toBe(1);
  await ledger.settle('a', settlement(1));
  await ledger.settle('a', settlement(2));
  expect(ledger.openCount).toBe(0);
  expect(ledger.settled.get('a')).toEqual(settlement(1));
});

test('what is released was never settled', async () => {
  const ledger = new RecordingLedger();
  await ledger.reserve('a', bound);
  await ledger.release('a');
  expect([ledger.openCount, ledger.settled.size]).toEqual([0, 0]);
});

test('only the last thousand settlements are remembered', async () => {
  const ledger = new RecordingLedger();
  for (let index = 0; index < 1005; index++) {
    await ledger.reserve(String(index), bound);
    await ledger.settle(String(index), settlement(index));
  }
  expect(ledger.settled.size).toBe(1000);
  expect([...ledger.settled.keys()][0]).toBe('5');
});
