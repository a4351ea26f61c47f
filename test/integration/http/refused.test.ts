// A request that is refused before it is one is told like any other: one line, one count, one story.
import { expect, test } from 'vitest';
import { startTestGateway } from '../../kit/gateway.ts';
import { RawClient } from '../../kit/http.ts';

test('one line, one count, one story', async () => {
  await using gateway = await startTestGateway(
    'llmBackends:\n- { name: models, providers: [{ name: echo, echo: {} }] }\n',
  );
  const port = Number(new URL(gateway.url).port);
  const ids: string[] = [];
  for (const bytes of ['GET /a/../b HTTP/1.1\r\nhost: a\r\n\r\n', 'nonsense\r\n\r\n']) {
    using client = new RawClient(port);
    client.send(bytes);
    const answer = await client.answer();
    expect(answer.status).toBe(400);
    ids.push(answer.header('x-request-id')!);
    await client.ended();
  }
  expect(gateway.lines).toHaveLength(2);
  expect(gateway.lines.map((line) => line['request.id'])).toEqual(ids);
  for (const line of gateway.lines)
    expect(line).toMatchObject({
      'http.status': 400,
      reason: 'bad-framing',
      'src.addr': expect.stringMatching(/^127/),
    });
  expect([...gateway.gateway.stories.newest()].map(({ id, outcome }) => [id, outcome.reason])).toEqual(
    ids.toReversed().map((id) => [id, 'bad-framing']),
  );
  const counted = (await gateway.gateway.metrics.registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith('agentgateway_requests_total{') && line.includes('reason="bad-framing"'));
  expect(counted.map((line) => [/method="(\w*)"/.exec(line)![1], line.split(' ').at(-1)]).toSorted()).toEqual([
    ['GET', '1'],
    ['other', '1'],
  ]);
});
