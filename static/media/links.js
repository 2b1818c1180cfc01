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
 */

/**
 * Two layers of the camera (RFC 8853), lowest first: the small one for many tiles or a thin line, the full one for a large
 * tile. A third costs an old phone more than it gives at 640x360. Ceilings: about twice what a talking head needs there.
 * @type {RTCRtpEncodingParameters[]}
 */
const CAMERA_LAYERS = [{ rid: 'l', scaleResolutionDownBy: 2, maxBitrate: 200_000 }, { rid: 'h', maxBitrate: 1_200_000 }];

/** @typedef {'microphone'|'camera'} OwnSource */

export class UpLink {
  /** @type {RTCPeerConnection|null} */
  #peer = null;
  #generation = 0;
  #again = false;
  /** @type {number|null} */
  #ceiling = null;
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
    if (transceiver) await transceiver.sender.replaceTrack(track);
  }

  /** The most that the camera may send; null: what its layers allow. @param {number|null} ceiling bit/s */
  async setCeiling(ceiling) {
    this.#ceiling = ceiling;
    const sender = this.#transceivers.get('camera')?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    const layers = underCeiling(CAMERA_LAYERS, ceiling);
    for (const encoding of parameters.encodings) {
      const { active, maxBitrate } = layers.find(({ rid }) => rid === encoding.rid) ?? {};
      Object.assign(encoding, { active, maxBitrate });
    }
    await sender.setParameters(parameters);
  }

  /** A first connection, or a new one in place of a dead one. */
  async rebuild() {
    this.close();
    const peer = new RTCPeerConnection(this.#configuration);
    this.#peer = peer;
    peer.addEventListener('connectionstatechange', () => this.#peer === peer && this.#ports.onState(peer.connectionState));
    this.#addTransceivers(peer);
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
    if (this.#again) { this.#again = false; await this.restart(); }
  }

  close() {
    const peer = this.#peer;
    this.#peer = null;
    this.#transceivers.clear();
    peer?.close();
  }

  /** @param {RTCPeerConnection} peer */
  #addTransceivers(peer) {
    for (const [source, kind] of /** @type {[OwnSource, 'audio'|'video'][]} */ ([['microphone', 'audio'], ['camera', 'video']])) {
      const layers = source === 'camera' ? { sendEncodings: underCeiling(CAMERA_LAYERS, this.#ceiling) } : {};
      const transceiver = peer.addTransceiver(this.#tracks.get(source) ?? kind, { direction: 'sendonly', ...layers });
      this.#transceivers.set(source, transceiver);
    }
  }

  /** @param {RTCOfferOptions} options */
  async #offer(options) {
    const peer = this.#peer;
    if (!peer) return;
    if (peer.signalingState === 'have-local-offer' && !options.iceRestart) { this.#again = true; return; }
    await peer.setLocalDescription(await peer.createOffer(options));
    this.#generation += 1;
    const sources = Object.fromEntries([...this.#transceivers].map(([source, transceiver]) => [transceiver.mid, source]));
    this.#ports.send('publish', { generation: this.#generation, sdp: peer.localDescription?.sdp, sources });
  }
}

export class DownLink {
  /** @type {RTCPeerConnection|null} */
  #peer = null;
  /** @type {Promise<void>} offers are answered one after another */
  #turn = Promise.resolve();
  /** @type {Map<string, MediaStreamTrack>} mid -> track */
  #received = new Map();
  #ports;
  #configuration;

  /**
   * @param {RTCConfiguration} configuration
   * @param {LinkPorts & {onTracks: (tracks: {track: Track, media: MediaStreamTrack}[]) => void}} ports
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
    this.#ports.send('subscribe', {});
  }

  /** New candidates from the relay on the same connection. */
  restart() {
    if (!this.#peer) return this.subscribe();
    this.#ports.send('subscribe', { restart: true });
  }

  /** Answer the relay's offer. @param {{generation: number, sdp: string, tracks: Track[]}} offer */
  offered(offer) {
    this.#turn = this.#turn.then(() => this.#answer(offer)).catch(() => { this.#ports.onState('failed'); });
    return this.#turn;
  }

  close() {
    const peer = this.#peer;
    this.#peer = null;
    this.#received.clear();
    peer?.close();
  }

  /** @param {{generation: number, sdp: string, tracks: Track[]}} offer */
  async #answer({ generation, sdp, tracks }) {
    const peer = this.#peer ?? this.#connect();
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription(await peer.createAnswer());
    if (this.#peer !== peer) return;
    this.#ports.send('answer', { generation, sdp: peer.localDescription?.sdp });
    this.#ports.onTracks(this.#present(peer, tracks));
  }

  #connect() {
    const peer = new RTCPeerConnection(this.#configuration);
    this.#peer = peer;
    peer.addEventListener('connectionstatechange', () => this.#peer === peer && this.#ports.onState(peer.connectionState));
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
