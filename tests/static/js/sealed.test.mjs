// signaling/README.md "End-to-end encryption": the frame format by the RFC's own vectors, keys, boxes, the safety number.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newIdentity, newMediaKey, openKey, safetyNumber, sealKey, toBase64 } from '../../../static/media/sealed_keys.js';
import { clearBytes, decodeHeader, deriveFrameKey, encodeHeader, FrameRefused, open, openFrame, seal, sealFrame } from '../../../static/media/sframe.js';

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');

describe('SFrame header (RFC 9605 §4.3)', () => {
  for (const [kid, ctr, header] of [
    [0, 0, '00'], [1, 1, '11'], [7, 7, '77'], [7, 8, '7808'], [8, 8, '880808'], [255, 255, '88ffff'],
    [256, 256, '9901000100'], [0x123, 0x4567, '9901234567'], [0, 65535, '09ffff'],
  ]) {
    it(`KID ${kid}, CTR ${ctr} is ${header}`, () => {
      assert.equal(hex(encodeHeader(kid, ctr)), header);
      assert.deepEqual(decodeHeader(bytes(header)), { kid, ctr, length: header.length / 2 });
    });
  }
  for (const [why, header] of [
    ['nothing', ''], ['counter cut short', '99012345'], ['small KID in a byte of its own', '8007'], ['counter longer than needed', '090001'],
    ['beyond what a number counts', '0fffffffffffffffff'],
  ]) it(`refuses ${why}`, () => assert.throws(() => decodeHeader(bytes(header)), FrameRefused));
});

describe('SFrame (RFC 9605 Appendix C.3, suite 0x0005)', () => {
  const metadata = bytes('4945544620534672616d65205747');
  const plain = bytes('64726166742d696574662d736672616d652d656e63');
  const sealed = '990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279';
  const frameKey = deriveFrameKey(bytes('000102030405060708090a0b0c0d0e0f'), 0x123);
  const keyOf = async (kid) => (kid === 0x123 ? frameKey : null);
  it('derives the salt', async () => assert.equal(hex((await frameKey).salt), '84991c167b8cd23c93708ec7'));
  it('seals to the published bytes', async () => {
    assert.equal(hex(await seal(await frameKey, { kid: 0x123, ctr: 0x4567 }, metadata, plain)), sealed);
  });
  it('opens them', async () => assert.deepEqual(await open(keyOf, metadata, bytes(sealed)), plain));
  it('refuses any flipped bit', async () => {
    for (let index = 0; index < sealed.length / 2; index += 1) {
      const broken = bytes(sealed);
      broken[index] ^= 1 << (index % 8);
      await assert.rejects(open(keyOf, metadata, broken), FrameRefused, `byte ${index}`);
    }
  });
  it('refuses every cut', async () => {
    for (let length = 0; length < sealed.length / 2; length += 1) await assert.rejects(open(keyOf, metadata, bytes(sealed).subarray(0, length)), FrameRefused);
  });
  it('refuses other metadata', async () => { await assert.rejects(open(keyOf, bytes('00'), bytes(sealed)), FrameRefused); });
  it('refuses a key that it does not have', async () => { await assert.rejects(open(async () => null, metadata, bytes(sealed)), FrameRefused); });
});

describe('media frames', () => {
  const VP8_KEY = Uint8Array.from({ length: 60 }, (_, index) => index * 2); // P bit clear
  const VP8_DELTA = Uint8Array.from({ length: 60 }, (_, index) => index * 2 + 1);
  const OPUS = bytes('78abcdef0123');
  const made = deriveFrameKey(newMediaKey(), 256);
  const keyOf = () => made;
  for (const [name, kind, frame, clear] of [['key frame', 'video', VP8_KEY, 10], ['other frame', 'video', VP8_DELTA, 3], ['sound', 'audio', OPUS, 1], ['one byte', 'audio', bytes('78'), 1]]) {
    it(`${name}: ${clear} bytes stay readable, the rest comes back`, async () => {
      const sealed = await sealFrame(await made, { kid: 256, ctr: 5 }, kind, frame);
      assert.equal(clearBytes(kind, frame), clear);
      assert.deepEqual(sealed.subarray(0, clear), frame.subarray(0, clear));
      if (frame.length > clear + 8) assert.ok(!hex(sealed).includes(hex(frame.subarray(clear, clear + 8))));
      assert.deepEqual(await openFrame(keyOf, kind, sealed), frame);
    });
  }
  for (const [kind, frame] of [['video', '000102'], ['video', '01'], ['audio', '']]) {
    it(`that no encoder makes are refused: ${kind} ${frame}`, async () => {
      await assert.rejects(sealFrame(await made, { kid: 256, ctr: 5 }, kind, bytes(frame)), FrameRefused);
      await assert.rejects(openFrame(keyOf, kind, bytes(frame)), FrameRefused);
    });
  }
  it('whose readable bytes were changed are refused', async () => {
    const sealed = await sealFrame(await made, { kid: 256, ctr: 6 }, 'video', VP8_KEY);
    sealed[4] ^= 1;
    await assert.rejects(openFrame(keyOf, 'video', sealed), FrameRefused);
  });
  it('of sound are not taken for pictures', async () => {
    const sealed = await sealFrame(await made, { kid: 256, ctr: 7 }, 'audio', OPUS);
    await assert.rejects(openFrame(keyOf, 'video', sealed), FrameRefused);
  });
  it('differ at every counter', async () => {
    const one = await sealFrame(await made, { kid: 256, ctr: 8 }, 'audio', OPUS);
    const two = await sealFrame(await made, { kid: 256, ctr: 9 }, 'audio', OPUS);
    assert.notDeepEqual(one.subarray(6), two.subarray(6));
  });
});

describe('boxes', async () => {
  const VISIT = '11111111-1111-4111-8111-111111111111';
  const [ana, bo, eve] = await Promise.all([newIdentity(), newIdentity(), newIdentity()]);
  const mediaKey = newMediaKey();
  const box = await sealKey(ana, bo.point, { visitId: VISIT, epoch: 3 }, mediaKey);
  it('open for whom they are', async () => assert.deepEqual(await openKey(bo, ana.point, { visitId: VISIT, epoch: 3 }, box), mediaKey));
  it('stay within the size that the server takes', () => assert.deepEqual([ana.point.length, box.length], [87, 80]));
  for (const [why, opened] of [
    ['for somebody else', () => openKey(eve, ana.point, { visitId: VISIT, epoch: 3 }, box)],
    ['from somebody else', () => openKey(bo, eve.point, { visitId: VISIT, epoch: 3 }, box)],
    ['of another visit', () => openKey(bo, ana.point, { visitId: '22222222-1111-4111-8111-111111111111', epoch: 3 }, box)],
    ['of another epoch', () => openKey(bo, ana.point, { visitId: VISIT, epoch: 4 }, box)],
    ['sent back to who made them', () => openKey(ana, bo.point, { visitId: VISIT, epoch: 3 }, box)],
    ['that are cut', () => openKey(bo, ana.point, { visitId: VISIT, epoch: 3 }, box.slice(0, -4))],
    ['that are no boxes', () => openKey(bo, ana.point, { visitId: VISIT, epoch: 3 }, '!')],
    ['under a point that is none', () => openKey(bo, toBase64(new Uint8Array(65)), { visitId: VISIT, epoch: 3 }, box)],
  ]) it(`${why} stay shut`, async () => assert.equal(await opened(), null));
});

describe('safety number', async () => {
  const [ana, bo, eve] = await Promise.all([newIdentity(), newIdentity(), newIdentity()]);
  it('is twelve groups of five digits', async () => {
    const groups = await safetyNumber('v', [ana.point, bo.point]);
    assert.equal(groups.length, 12);
    assert.ok(groups.every((group) => /^\d{5}$/.test(group)));
  });
  it('is the same on both sides', async () => {
    assert.deepEqual(await safetyNumber('v', [ana.point, bo.point]), await safetyNumber('v', [bo.point, ana.point]));
  });
  it('differs when the server shows each side a key of its own', async () => {
    assert.notDeepEqual(await safetyNumber('v', [ana.point, eve.point]), await safetyNumber('v', [eve.point, bo.point]));
  });
  it('differs in another visit and with another seat', async () => {
    const numbers = await Promise.all([safetyNumber('v', [ana.point, bo.point]), safetyNumber('w', [ana.point, bo.point]), safetyNumber('v', [ana.point, bo.point, eve.point])]);
    assert.equal(new Set(numbers.map(String)).size, 3);
  });
  it('is that of the specification', async () => {
    // printf 'teleconsult safety number v' plus the bytes 01 and 02, by openssl dgst -sha512
    assert.deepEqual((await safetyNumber('v', ['Ag', 'AQ'])).slice(0, 2), ['59257', '05156']);
  });
});
