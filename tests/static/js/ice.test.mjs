// server/README.md "TURN": a page's credentials are renewed before they end.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IceServers } from '../../../static/media/ice.js';

const answer = (name, ttl_s = 300) => ({ ice_servers: [{ urls: ['turn:t'], username: name }], ttl_s });

/** A seat's servers with what was applied, and an endpoint that answers from a list. */
function seat(context, answers) {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const applied = [];
  const asked = { count: 0 };
  const servers = new IceServers(([{ username }]) => applied.push(username), async () => {
    asked.count += 1;
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return next;
  });
  const pass = async (ms) => { context.mock.timers.tick(ms); await null; await null; };
  return { servers, applied, asked, pass };
}

describe('TURN credentials', () => {
  it('are renewed at three quarters of their time, again and again', async (context) => {
    const { servers, applied, pass } = seat(context, [answer('b'), answer('c')]);
    servers.take(answer('a'));
    await pass(224_999);
    assert.deepEqual(applied, ['a']);
    await pass(1);
    await pass(225_000);
    assert.deepEqual(applied, ['a', 'b', 'c']);
  });
  it('are asked for again when the line was away', async (context) => {
    const { servers, applied, pass } = seat(context, [new Error('offline'), answer('b')]);
    servers.take(answer('a'));
    await pass(225_000);
    await pass(10_000);
    assert.deepEqual(applied, ['a', 'b']);
  });
  it('that do not end are not asked for', async (context) => {
    const { servers, asked, pass } = seat(context, []);
    servers.take(answer('a', 0));
    await pass(86_400_000);
    assert.equal(asked.count, 0);
  });
  it('of a closed seat are not renewed', async (context) => {
    const { servers, asked, pass } = seat(context, [answer('b')]);
    servers.take(answer('a'));
    servers.close();
    await pass(300_000);
    assert.equal(asked.count, 0);
  });
});
