// Sessions by sealed marks: what is shown again is found again, what ends or is forged is not.
import { describe, expect, test } from 'vitest';
import { type HeadInput, makeExchange, makeReply } from '@agentgateway/core/policy/fixture.ts';
import { type PersistenceSettings, defaultSettings } from '@agentgateway/core/settings.ts';
import { toMark } from '../backend/picker/endpoint-table.ts';
import type { BackendChoice, RulePlan } from '../snapshot/snapshot.ts';
import { Sessions } from './session.ts';

const plain: PersistenceSettings = {
  type: 'cookie',
  sessionName: 'sid',
  absoluteMs: 0,
  idleMs: 0,
  isPermanent: false,
  key: undefined,
};

function rule(more: Partial<PersistenceSettings> = {}, route = 'httproute/default/site'): RulePlan {
  const settings = { ...defaultSettings, sessionAffinity: { kind: 'persistence', ...plain, ...more } };
  return { route, rule: '', index: 0, settings } as unknown as RulePlan;
}

const endpoint = toMark('10.0.0.1:80');

/** Asks once, is answered by an endpoint, and tells the mark of the answer. */
function ask(sessions: Sessions, plan: RulePlan, head: HeadInput = {}, answering = endpoint) {
  const exchange = makeExchange(head);
  const session = sessions.open(exchange, plan)!;
  const known = session.endpointOf('service/default/api', 80);
  const reply = makeReply();
  session.bind('service/default/api', 80, answering);
  session.mark(reply, { key: 'service/default/api', port: 80 });
  const cookie = reply.headers.get('set-cookie');
  return { known, cookie, header: reply.headers.get('sid'), session };
}

const showing = (cookie: string | undefined): HeadInput => ({ headers: [['cookie', `a=b; ${cookie!.split(';')[0]}`]] });

function choice(key: string, invalid?: string): BackendChoice {
  return { key, port: 80, weight: 0, invalid } as BackendChoice;
}

describe('cookies', () => {
  test('the first answer sets one, and whoever shows it is sent to the same endpoint and marked no more', () => {
    const sessions = new Sessions('key', () => 1000);
    const { known, cookie } = ask(sessions, rule());
    expect(known).toBeUndefined();
    expect(cookie).toMatch(/^sid=[\w-]{75}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(ask(sessions, rule(), showing(cookie))).toMatchObject({ known: endpoint, cookie: undefined });
  });

  test('one that has moved is marked anew', () => {
    const sessions = new Sessions('key', () => 1000);
    const { cookie } = ask(sessions, rule());
    const moved = ask(sessions, rule(), showing(cookie), toMark('10.0.0.2:80'));
    expect(moved.cookie).toBeDefined();
    expect(ask(sessions, rule(), showing(moved.cookie)).known).toBe(toMark('10.0.0.2:80'));
  });

  test('tell nothing of the address, and are never twice the same', () => {
    const sessions = new Sessions('key', () => 1000);
    const [one, two] = [ask(sessions, rule()).cookie!, ask(sessions, rule()).cookie!];
    expect(one).not.toBe(two);
    const bytes = Buffer.from(one.split(/[=;]/)[1]!, 'base64url');
    for (const form of ['10.0.0.1', 'api']) expect(bytes.includes(form)).toBe(false);
    expect(bytes.toString('hex')).not.toContain(endpoint);
  });

  test('have the attributes that the policy and the request ask for', () => {
    const sessions = new Sessions('key', () => 1000);
    const permanent = rule({ isPermanent: true, absoluteMs: 90_000 });
    const head: HeadInput = { scheme: 'https', placement: { matchedPrefix: '/shop' } };
    expect(ask(sessions, permanent, head).cookie).toMatch(/; Path=\/shop; Max-Age=90; HttpOnly; SameSite=Lax; Secure$/);
    expect(ask(sessions, rule(), { placement: { matchedPrefix: '/a;b' } }).cookie).toContain('; Path=/;');
  });

  test('a rule without a name for its sessions has one of its own', () => {
    const sessions = new Sessions('key', () => 1000);
    const nameOf = (route: string): string => ask(sessions, rule({ sessionName: '' }, route)).cookie!.split('=')[0]!;
    expect(nameOf('httproute/default/a')).toMatch(/^agentgateway-[0-9a-f]{8}$/);
    expect(nameOf('httproute/default/a')).toBe(nameOf('httproute/default/a'));
    expect(nameOf('httproute/default/a')).not.toBe(nameOf('httproute/default/b'));
  });
});

describe('what is no mark', () => {
  const sessions = new Sessions('key', () => 1000);
  const { cookie } = ask(sessions, rule());
  const value = cookie!.split(/[=;]/)[1]!;
  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['another length', value.slice(0, -4)],
    ['a changed one', `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}`],
    ['a changed tag', `${value.slice(0, -2)}${value.endsWith('AA') ? 'BA' : 'AA'}`],
  ])('%s begins a session', (_name, shown) => {
    expect(ask(sessions, rule(), showing(`sid=${shown}`)).known).toBeUndefined();
  });

  test('a mark of another name, or sealed with another key, is none', () => {
    expect(ask(sessions, rule({ sessionName: 'other' }), showing(`other=${value}`)).known).toBeUndefined();
    expect(ask(new Sessions('other', () => 1000), rule(), showing(cookie)).known).toBeUndefined();
    const key = { current: () => 'own' };
    expect(ask(sessions, rule({ key }), showing(cookie)).known).toBeUndefined();
    const own = ask(sessions, rule({ key })).cookie;
    expect(ask(new Sessions('other', () => 1000), rule({ key }), showing(own)).known).toBe(endpoint);
  });

  test('among several the first that is good counts', () => {
    const head: HeadInput = {
      headers: [
        ['cookie', 'sid=bad; sid=worse'],
        ['cookie', `sid=${value}`],
      ],
    };
    expect(ask(sessions, rule(), head).known).toBe(endpoint);
  });
});

describe('the end of a session', () => {
  test('comes with the absolute time-out, however often it is used', () => {
    let nowMs = 0;
    const sessions = new Sessions('key', () => nowMs);
    const plan = rule({ absoluteMs: 1000, idleMs: 400 });
    let { cookie } = ask(sessions, plan);
    for (nowMs = 300; nowMs < 1000; nowMs += 300) {
      const next = ask(sessions, plan, showing(cookie));
      expect(next.known).toBe(endpoint);
      cookie = next.cookie;
    }
    nowMs = 1000;
    expect(ask(sessions, plan, showing(cookie)).known).toBeUndefined();
  });

  test('comes with the idle time-out, and a mark in time puts it off', () => {
    let nowMs = 0;
    const sessions = new Sessions('key', () => nowMs);
    const plan = rule({ idleMs: 1000 });
    const { cookie } = ask(sessions, plan);
    nowMs = 99;
    expect(ask(sessions, plan, showing(cookie))).toMatchObject({ known: endpoint, cookie: undefined });
    nowMs = 999;
    const again = ask(sessions, plan, showing(cookie));
    expect(again.known).toBe(endpoint);
    nowMs = 1500;
    expect(ask(sessions, plan, showing(cookie)).known).toBeUndefined();
    expect(ask(sessions, plan, showing(again.cookie)).known).toBe(endpoint);
  });
});

test('headers carry the mark both ways, on every answer', () => {
  const sessions = new Sessions('key', () => 1000);
  const plan = rule({ type: 'header' });
  const { header, cookie } = ask(sessions, plan);
  expect(cookie).toBeUndefined();
  const again = ask(sessions, plan, { headers: [['SID', header!]] });
  expect(again.known).toBe(endpoint);
  expect(again.header).toBeDefined();
});

test('a session goes before weights, but not to what cannot be served', () => {
  const sessions = new Sessions('key', () => 1000);
  const { cookie } = ask(sessions, rule());
  const session = sessions.open(makeExchange(showing(cookie)), rule())!;
  const bound = choice('service/default/api');
  expect(session.choose([choice('service/default/other'), bound])).toBe(bound);
  expect(session.choose([choice('service/default/other')])).toBeUndefined();
  expect(session.choose([choice('service/default/api', 'gone')])).toBeUndefined();
  expect(sessions.open(makeExchange(), rule())!.choose([bound])).toBeUndefined();
});

test('a backend without endpoints is bound as a whole, and what the gateway answers itself binds nothing', () => {
  const sessions = new Sessions('key', () => 1000);
  const models = { key: 'llmbackend/default/models', port: 0, weight: 1, invalid: undefined } as BackendChoice;
  const reply = makeReply();
  sessions.open(makeExchange(), rule())!.mark(reply, models);
  const session = sessions.open(makeExchange(showing(reply.headers.get('set-cookie'))), rule())!;
  expect(session.choose([models])).toBe(models);
  const own = { ...makeReply(503), origin: 'gateway' as const };
  session.mark(own, models);
  expect(own.headers.size).toBe(0);
});

test('rules without persistence have no sessions', () => {
  const none = { settings: defaultSettings } as unknown as RulePlan;
  expect(new Sessions('key', () => 0).open(makeExchange(), none)).toBeUndefined();
});
