// @ts-check
/**
 * The two media links of a seat. Up: we offer what we publish. Down: the relay offers what the others publish.
 * A link object outlives its RTCPeerConnection: `rebuild` makes a new one on the same seat.
 */

import { underCeiling } from './line_verdict.js';

/** @typedef {import('../types.js').Track} Track */
/**
 * @typedef {object} LinkPorts
 * @property {(type: string, body: unknown) => void} send to the signalling socket
 * @property {(state: string) => void} onState RTCPeerConnection.connectionState
 * @property {(peer: RTCPeerConnection) => void} [onPeer] a new connection, before its first offer
 * @property {(sender: RTCRtpSender, kind: string) => void} [onSender] before anything is sent by it
 * @property {(receiver: RTCRtpReceiver) => void} [onReceiver] before anything is received by it
 */

/**
 * Two layers of the camera (RFC 8853), lowest first: the small one for many tiles or a thin line, the full one for a large
 * tile. A third costs an old phone more than it gives at 640x360. Ceilings: about twice what a talking head needs there.
 * @type {RTCRtpEncodingParameters[]}
 */
const CAMERA_LAYERS = [{ rid: 'l', scaleResolutionDownBy: 2, maxBitrate: 200_000 }, { rid: 'h', maxBitrate: 1_200_000 }];

/** A shared screen is mostly text that stands still; a second camera shows a wound or a document. @type {Record<string, RTCRtpEncodingParameters[]>} */
const ENCODINGS = { camera: CAMERA_LAYERS, screen: [{ maxBitrate: 1_500_000 }], second_camera: [{ maxBitrate: 1_200_000 }] };

/** @typedef {'microphone'|'camera'|'screen'|'second_camera'} OwnSource */
/** What of a source anybody has use for, as the relay tells. @typedef {{source: string, rids: string[], max_bps: number}} Demand */

/**
 * Send what is wanted and no more: layers nobody watches stop at the encoder. Pure but for the encodings it changes.
 * @param {RTCRtpEncodingParameters[]} encodings @param {Demand} demand
 * @param {RTCRtpEncodingParameters[]} [allowed] a layer that is not active here stays off, whoever wants it
 */
export function applyDemand(encodings, { source, rids, max_bps: ceiling }, allowed = []) {
  for (const encoding of encodings) {
    const isAllowed = allowed.find(({ rid }) => rid === encoding.rid)?.active !== false;
    encoding.active = isAllowed && rids.includes(encoding.rid ?? '');
    if (source !== 'microphone') continue; // pictures have ceilings of their own
    if (ceiling) encoding.maxBitrate = ceiling;
    else delete encoding.maxBitrate;
  }
}

/**
 * A relay that can not read the speech can not take its copies (RFC 2198) apart either: sealed voices go without.
 * @param {RTCRtpTransceiver} transceiver @param {RTCRtpSender|RTCRtpReceiver} end
 */
function forgoCopies(transceiver, end) {
  if (!end.transform || transceiver.receiver.track.kind !== 'audio' || !transceiver.setCodecPreferences) return;
  const { codecs } = RTCRtpReceiver.getCapabilities('audio') ?? { codecs: [] };
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType.toLowerCase() !== 'audio/red'));
}

export class UpLink {
  /** @type {RTCPeerConnection|null} */
  #peer = null;
  #generation = 0;
  #again = false;
  /** @type {number|null} */
  #ceiling = null;
  #retired = new Retired();
  /** @type {Map<string, Demand>} by source; of this connection */
  #demands = new Map();
  /** @type {Map<OwnSource, MediaStreamTrack|null>} */
  #tracks = new Map();
  /** @type {Map<OwnSource, RTCRtpTransceiver>} */
  #transceivers = new Map();
  #ports;
  #configuration;

  /** @param {RTCConfiguration} configuration @param {LinkPorts} ports */
  constructor(configuration, ports) {
    this.#configuration = configuration;
    this.#ports = ports;
  }

  get peer() {
    return this.#peer;
  }

  /** Publish, or exchange what is published; null silences a source without renegotiation. @param {OwnSource} source @param {MediaStreamTrack|null} track */
  async setTrack(source, track) {
    this.#tracks.set(source, track);
    const transceiver = this.#transceivers.get(source);
    if (BASIC_SOURCES.includes(source)) { if (transceiver) await transceiver.sender.replaceTrack(track); return; }
    if (!this.#peer || Boolean(track) === Boolean(transceiver)) return;
    if (track) this.#addTransceiver(this.#peer, source);
    else if (transceiver) { transceiver.stop(); this.#transceivers.delete(source); }
    await this.#offer({});
  }

  /** Carry out what the relay tells of the audience; an unknown source is no error. @param {Demand} demand */
  async demand(demand) {
    this.#demands.set(demand.source, demand);
    await this.#changeEncodings(demand.source);
  }

  /** The most that the camera may send; null: what its layers allow. @param {number|null} ceiling bit/s */
  async setCeiling(ceiling) {
    this.#ceiling = ceiling;
    await this.#changeEncodings('camera');
  }

  /** The camera's ceiling and the audience together. @param {string} source */
  async #changeEncodings(source) {
    const sender = this.#transceivers.get(/** @type {OwnSource} */ (source))?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    const layers = source === 'camera' ? underCeiling(CAMERA_LAYERS, this.#ceiling) : [];
    for (const encoding of parameters.encodings) {
      const { active, maxBitrate } = layers.find(({ rid }) => rid === encoding.rid) ?? encoding;
      Object.assign(encoding, { active, maxBitrate });
    }
    const demand = this.#demands.get(source);
    if (demand) applyDemand(parameters.encodings, demand, layers);
    await sender.setParameters(parameters);
  }

  /** A first connection, or a new one in place of a dead one. */
  async rebuild() {
    this.close();
    await this.#build((peer) => this.#ports.onState(peer.connectionState));
  }

  /** A new connection beside a living one, which sends until the relay ends it (README "The call"). */
  async replace() {
    if (this.#peer) this.#retired.retire(this.#peer);
    this.#transceivers.clear();
    this.#demands.clear();
    await this.#build((peer) => isNews(peer.connectionState) && this.#ports.onState(peer.connectionState));
  }

  /** @param {(peer: RTCPeerConnection) => void} tell */
  async #build(tell) {
    const peer = new RTCPeerConnection(this.#configuration);
    this.#peer = peer;
    peer.addEventListener('connectionstatechange', () => this.#peer === peer && tell(peer));
    this.#addTransceivers(peer);
    this.#ports.onPeer?.(peer);
    await this.#offer({});
  }

  /** New ICE candidates on the same DTLS session (RFC 8445 §9). */
  async restart() {
    if (!this.#peer || this.#peer.connectionState === 'closed') return this.rebuild();
    return this.#offer({ iceRestart: true });
  }

  /** The relay's answer; answers to older offers are ignored. @param {{generation: number, sdp: string}} body */
  async published({ generation, sdp }) {
    const peer = this.#peer;
    if (!peer || generation !== this.#generation || peer.signalingState !== 'have-local-offer') return;
    await peer.setRemoteDescription({ type: 'answer', sdp });
    if (this.#again) { this.#again = false; await this.#offer({}); }
  }

  close() {
    const peer = this.#peer;
    this.#peer = null;
    this.#transceivers.clear();
    this.#retired.close();
    this.#demands.clear();
    peer?.close();
  }

  /** @param {RTCPeerConnection} peer */
  #addTransceivers(peer) {
    const extra = [...this.#tracks].flatMap(([source, track]) => (track && !BASIC_SOURCES.includes(source) ? [source] : []));
    for (const source of [...BASIC_SOURCES, ...extra]) this.#addTransceiver(peer, source);
  }

  /** @param {RTCPeerConnection} peer @param {OwnSource} source */
  #addTransceiver(peer, source) {
    const kind = source === 'microphone' ? 'audio' : 'video';
    const layers = source in ENCODINGS ? { sendEncodings: (source === 'camera' ? underCeiling(CAMERA_LAYERS, this.#ceiling) : ENCODINGS[source].map((one) => ({ ...one }))) } : {};
    const transceiver = peer.addTransceiver(this.#tracks.get(source) ?? kind, { direction: 'sendonly', ...layers });
    this.#ports.onSender?.(transceiver.sender, kind);
    this.#transceivers.set(source, transceiver);
  }

  /** @param {RTCOfferOptions} options */
  async #offer(options) {
    const peer = this.#peer;
    if (!peer) return;
    if (peer.signalingState === 'have-local-offer' && !options.iceRestart) { this.#again = true; return; }
    for (const transceiver of peer.getTransceivers()) forgoCopies(transceiver, transceiver.sender);
    await peer.setLocalDescription(await peer.createOffer(options));
    this.#generation += 1;
    const sources = Object.fromEntries([...this.#transceivers].map(([source, transceiver]) => [transceiver.mid, source]));
    this.#ports.send('publish', { generation: this.#generation, sdp: peer.localDescription?.sdp, sources });
  }
}

/** Sources with an m-line from the beginning: going on and off needs no new description. @type {OwnSource[]} */
const BASIC_SOURCES = ['microphone', 'camera'];

/**
 * Until our newest question for a connection is answered, an offer is for one that is gone: the relay may have made it, of
 * its own accord or for an earlier question, before it read ours. Pure.
 * @param {string} asked id of the unanswered `subscribe`; '' for none @param {string|undefined} re what the offer answers
 * @returns {{asked: string, isOurs: boolean}}
 */
export const admit = (asked, re) => (asked && re !== asked ? { asked, isOurs: false } : { asked: '', isOurs: true });

export class DownLink {
  /** @type {RTCPeerConnection|null} */
  #peer = null;
  #asked = '';
  /** @type {Promise<void>} offers are answered one after another */
  #turn = Promise.resolve();
  /** @type {Map<string, MediaStreamTrack>} mid -> track */
  #received = new Map();
  /** The connection that plays while a new one is set up. @type {RTCPeerConnection|null} */
  #old = null;
  /** @type {{track: Track, media: MediaStreamTrack}[]} what the new one will play */
  #held = [];
  #ports;
  #configuration;

  /**
   * @param {RTCConfiguration} configuration
   * @param {Omit<LinkPorts, 'send'> & {send: (type: string, body: unknown) => string, onTracks: (tracks: {track: Track, media: MediaStreamTrack}[]) => void}} ports
   */
  constructor(configuration, ports) {
    this.#configuration = configuration;
    this.#ports = ports;
  }

  get peer() {
    return this.#peer;
  }

  /** Ask for offers; the connection is made when the first one comes. */
  subscribe() {
    this.close();
    this.#asked = this.#ports.send('subscribe', {});
  }

  /** A new connection beside the living one, which plays until the new one does. */
  replace() {
    this.#turn = this.#turn.then(() => {
      this.#old?.close();
      [this.#old, this.#peer] = [this.#peer, null];
    });
    this.#asked = this.#ports.send('subscribe', {});
  }

  /** New candidates from the relay on the same connection. */
  restart() {
    if (!this.#peer) return this.subscribe();
    this.#ports.send('subscribe', { restart: true });
  }

  /** Answer the relay's offer, unless it is for an earlier connection. @param {{generation: number, sdp: string, tracks: Track[]}} offer @param {string|undefined} re */
  offered(offer, re) {
    const { asked, isOurs } = admit(this.#asked, re);
    this.#asked = asked;
    if (!isOurs) return Promise.resolve();
    this.#turn = this.#turn.then(() => this.#answer(offer)).catch(() => { this.#ports.onState('failed'); });
    return this.#turn;
  }

  close() {
    const peer = this.#peer;
    this.#peer = null;
    this.#received.clear();
    this.#old?.close();
    this.#old = null;
    peer?.close();
  }

  /** @param {{generation: number, sdp: string, tracks: Track[]}} offer */
  async #answer({ generation, sdp, tracks }) {
    const peer = this.#peer ?? this.#connect();
    await peer.setRemoteDescription({ type: 'offer', sdp });
    // At once, idle lines too: a browser that finds no transform on a new receiver in this turn never looks again.
    for (const { receiver } of peer.getTransceivers()) this.#ports.onReceiver?.(receiver);
    for (const transceiver of peer.getTransceivers()) forgoCopies(transceiver, transceiver.receiver);
    await peer.setLocalDescription(await peer.createAnswer());
    if (this.#peer !== peer) return;
    this.#ports.send('answer', { generation, sdp: peer.localDescription?.sdp });
    this.#held = this.#present(peer, tracks);
    if (!this.#old) this.#ports.onTracks(this.#held);
  }

  /** Take over when the new connection plays all that the old one does, or when that is dead. @param {RTCPeerConnection} peer */
  async #cutOver(peer) {
    const until = performance.now() + CUT_OVER_MOST_MS;
    /** @type {Readonly<{audio: number, video: number}>} */
    let before = NOTHING;
    while (this.#old && this.#peer === peer && performance.now() < until && this.#old.connectionState === 'connected') {
      const [now, fresh] = await Promise.all([playedBy(this.#old), playedBy(peer)]);
      const needs = { audio: now.audio > before.audio, video: now.video > before.video };
      if (before !== NOTHING && (!needs.audio || fresh.audio > 0) && (!needs.video || fresh.video > 0)) break;
      before = now;
      await new Promise((resolve) => { setTimeout(resolve, CUT_OVER_LOOK_MS); });
    }
    if (this.#peer !== peer) return;
    const old = this.#old;
    this.#old = null;
    this.#ports.onTracks(this.#held);
    old?.close();
  }

  #connect() {
    const peer = new RTCPeerConnection(this.#configuration);
    this.#peer = peer;
    const isReplacing = this.#old !== null;
    peer.addEventListener('connectionstatechange', () => {
      const state = peer.connectionState;
      if (this.#peer !== peer || (isReplacing && !isNews(state))) return;
      this.#ports.onState(state);
      if (isReplacing && this.#old && state === 'connected') void this.#cutOver(peer);
    });
    return peer;
  }

  /** @param {RTCPeerConnection} peer @param {Track[]} tracks */
  #present(peer, tracks) {
    const receivers = new Map(peer.getTransceivers().map((transceiver) => [transceiver.mid, transceiver.receiver.track]));
    return tracks.flatMap((track) => {
      const media = receivers.get(track.mid);
      return media ? [{ track, media }] : [];
    });
  }
}

// The relay ends a retired link within ten seconds; one whose end is not heard of goes then.
const RETIRED_MOST_MS = 15_000;
const CUT_OVER_LOOK_MS = 100;
// A picture needs a key frame, a second on a bad line; a track that is muted over there never comes.
const CUT_OVER_MOST_MS = 4_000;
/** @type {Readonly<{audio: number, video: number}>} */
const NOTHING = Object.freeze({ audio: 0, video: 0 });

/** While a connection is set up beside a living one, its beginnings are no trouble to tell. @param {string} state */
const isNews = (state) => state !== 'new' && state !== 'connecting';

/** Packets of sound and decoded pictures so far. @param {RTCPeerConnection} peer */
async function playedBy(peer) {
  const played = { audio: 0, video: 0 };
  for (const entry of (await peer.getStats()).values()) {
    if (entry.type !== 'inbound-rtp') continue;
    if (entry.kind === 'audio') played.audio += entry.packetsReceived ?? 0;
    else played.video += entry.framesDecoded ?? 0;
  }
  return played;
}

/** Connections that still send until they are ended from the other side. */
class Retired {
  /** @type {Set<RTCPeerConnection>} */
  #peers = new Set();

  /** @param {RTCPeerConnection} peer */
  retire(peer) {
    this.#peers.add(peer);
    const end = () => { peer.close(); this.#peers.delete(peer); };
    peer.addEventListener('connectionstatechange', () => peer.connectionState !== 'connected' && end());
    setTimeout(end, RETIRED_MOST_MS);
  }

  close() {
    for (const peer of this.#peers) peer.close();
    this.#peers.clear();
  }
}
