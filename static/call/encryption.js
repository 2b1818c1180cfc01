// @ts-check
/**
 * A seat's part in an end-to-end encrypted call: its identity, its media key for each epoch, the others' keys, and the
 * transforms on its senders and receivers. signaling/README.md "End-to-end encryption".
 */

import { newIdentity, newMediaKey, openKey, safetyNumber, sealKey } from '../media/sealed_keys.js';

/** @typedef {import('../types.js').Envelope} Envelope */
/** @typedef {import('../types.js').Seat} Seat */
/** @typedef {{on: boolean, able: boolean, safety: readonly string[], by: string}} Sealing what the page shows */
/** @typedef {{send: (type: string, body: unknown) => void, onChange: (sealing: Sealing) => void, onSwitch: () => void}} Ports */

/** @returns {boolean} Chromium 141, Firefox 117, Safari 15.4, and a page of a secure origin */
export const canEncrypt = () => 'RTCRtpScriptTransform' in globalThis && Boolean(globalThis.crypto?.subtle);

/** Only codecs whose packets do not look into the frame: Opus without RED, and VP8. Pure. @param {string} sdp */
export function withoutFramingCodecs(sdp) {
  return sdp.split(/(?=^m=)/m).map((section) => {
    const kept = keptPayloads(section);
    if (!kept.length) return section;
    const isGone = (/** @type {string} */ line) => { const id = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line)?.[1]; return id !== undefined && !kept.includes(id); };
    return section.split('\r\n').filter((line) => !isGone(line)).join('\r\n').replace(/^(m=\w+ \d+ [\w/]+).*$/m, `$1 ${kept.join(' ')}`);
  }).join('');
}

/** @param {string} section of one m-line @returns {string[]} */
function keptPayloads(section) {
  const plain = [...section.matchAll(/^a=rtpmap:(\d+) (?:opus|VP8)\//gim)].map(([, id]) => id);
  const repair = [...section.matchAll(/^a=fmtp:(\d+) apt=(\d+)/gm)].filter(([, , of]) => plain.includes(of)).map(([, id]) => id);
  return [...plain, ...repair];
}

export class Encryption {
  #ports;
  #identity = canEncrypt() ? newIdentity() : null;
  /** @type {Worker|null} */
  #worker = null;
  /** @type {Promise<void>} what arrives is dealt with in order */
  #turn = Promise.resolve();
  #visitId = '';
  #seat = '';
  /** @type {readonly Seat[]} */
  #seats = [];
  #epoch = 0;
  /** For which seats and keys the epoch was made. */
  #madeFor = '';
  /** @type {WeakMap<RTCRtpReceiver, number>} */
  #lines = new WeakMap();
  #line = 0;
  #by = '';
  /** The server knows that the call is encrypted; after a restart of web it does not, and the doctor's page says it again. */
  #isTold = true;
  isOn = false;

  /** @param {Ports} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Everything the server says passes here first. @param {Envelope} envelope */
  receive({ type, body }) {
    const isTurned = (type === 'welcome' && body.encrypted && !this.isOn) || (type === 'e2ee' && body.on !== this.isOn);
    if (isTurned) this.#turnTo(type === 'welcome' || body.on, body.by ?? '');
    if (['welcome', 'seats', 'e2ee', 'e2ee-key'].includes(type)) this.#turn = this.#turn.then(() => this.#take(type, body)).catch(() => {});
  }

  /** Nothing leaves this sender but what our key sealed. @param {RTCRtpSender} sender @param {string} kind */
  attachSender(sender, kind) {
    if (!this.isOn) return;
    if (canEncrypt()) sender.transform = this.#transform({ side: 'send', kind });
    else void sender.replaceTrack(null); // what cannot be sealed does not leave
  }

  /** Before its first frame: browsers do not look for a transform later. @param {RTCRtpReceiver} receiver */
  attachReceiver(receiver) {
    if (!this.isOn || !canEncrypt() || this.#lines.has(receiver)) return;
    this.#line += 1;
    this.#lines.set(receiver, this.#line);
    receiver.transform = this.#transform({ side: 'receive', kind: receiver.track.kind, line: this.#line });
  }

  /** @param {RTCRtpReceiver|undefined} receiver @param {string} seat whose media it carries now */
  assign(receiver, seat) {
    const line = receiver && this.#lines.get(receiver);
    if (line) this.#work({ type: 'assign', line, seat });
  }

  /** What goes to the relay about codecs while the call is encrypted. @param {string} type @param {any} body */
  described(type, body) {
    return this.isOn && (type === 'publish' || type === 'answer') ? { ...body, sdp: withoutFramingCodecs(body.sdp) } : body;
  }

  close() {
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** @param {boolean} on @param {string} by */
  #turnTo(on, by) {
    this.isOn = on;
    this.#by = by;
    this.#madeFor = '';
    this.#ports.onSwitch();
  }

  /** @param {string} type @param {any} body */
  async #take(type, body) {
    const identity = await this.#identity;
    if (type === 'welcome') {
      this.#visitId = body.visit.id;
      this.#seat = body.seat;
      this.#madeFor = ''; // boxes may be lost with the socket: send them again
      if (identity) this.#ports.send('e2ee-identity', { public_key: identity.point });
      this.#isTold = !this.isOn || body.encrypted || body.role !== 'doctor';
    }
    if (type === 'e2ee') this.#isTold = true;
    if (body.seats) this.#seats = body.seats;
    if (type === 'e2ee-key' && identity) await this.#keep(identity, body);
    if (identity && this.isOn) await this.#renew(identity);
    await this.#tell(identity);
  }

  /** A new epoch whenever the seats or their keys are others: who left cannot open what comes. @param {import('../media/sealed_keys.js').Identity} identity */
  async #renew(identity) {
    const others = this.#seats.filter((seat) => seat.seat !== this.#seat && seat.public_key);
    const madeFor = others.map((seat) => `${seat.seat}=${seat.public_key}`).sort().join(' ');
    if (madeFor === this.#madeFor) return;
    this.#madeFor = madeFor;
    this.#epoch += 1;
    const mediaKey = newMediaKey();
    for (const { seat, public_key: point } of others) {
      this.#ports.send('e2ee-key', { to: seat, epoch: this.#epoch, box: await sealKey(identity, /** @type {string} */ (point), { visitId: this.#visitId, epoch: this.#epoch }, mediaKey) });
    }
    this.#work({ type: 'own', epoch: this.#epoch, key: mediaKey });
  }

  /** @param {import('../media/sealed_keys.js').Identity} identity @param {{seat: string, epoch: number, box: string}} sent */
  async #keep(identity, { seat, epoch, box }) {
    const point = this.#seats.find((one) => one.seat === seat)?.public_key;
    const key = point ? await openKey(identity, point, { visitId: this.#visitId, epoch }, box) : null;
    if (key) this.#work({ type: 'theirs', seat, epoch, key });
  }

  /** @param {import('../media/sealed_keys.js').Identity|null} identity */
  async #tell(identity) {
    const here = this.#seats.filter((seat) => seat.presence !== 'away' || seat.public_key);
    const points = here.map((seat) => (seat.seat === this.#seat ? identity?.point : seat.public_key));
    const able = here.length > 1 && points.every(Boolean);
    const safety = this.isOn && identity ? await safetyNumber(this.#visitId, /** @type {string[]} */ (points.filter(Boolean))) : [];
    this.#ports.onChange({ on: this.isOn, able: canEncrypt() && able, safety, by: this.#by });
    if (!this.#isTold && able) { this.#isTold = true; this.#ports.send('e2ee', { on: true }); }
  }

  /** @param {object} options */
  #transform(options) {
    return new RTCRtpScriptTransform(this.#started(), options);
  }

  /** @param {object} order */
  #work(order) {
    this.#started().postMessage(order);
  }

  #started() {
    this.#worker ??= new Worker(new URL('../media/seal_worker.js', import.meta.url), { type: 'module' });
    return this.#worker;
  }
}
