// @ts-check
/**
 * One seat in one consultation: socket, two media links, own devices. Carries out the effects of call/state.js.
 */

import { request } from '../api.js';
import { openDevice, openScreen, openSecondCamera } from '../media/devices.js';
import { IceServers } from '../media/ice.js';
import { DownLink, UpLink } from '../media/links.js';
import { Beginning } from '../media/line_verdict.js';
import { only, policyOf } from '../media/paths.js';
import { NetworkObserver } from '../media/network_observer.js';
import { between, sampleOf, Verdict, verdictOf } from '../media/quality.js';
import { Action, answered, CHECK_PATIENCE_MS, decide, healthOf, LinkHealth, newWatch, observe } from '../media/recovery.js';
import { RoomChannel } from '../media/room_channel.js';
import { Connection, SignallingSocket } from '../signalling/socket.js';
import { Encryption } from './encryption.js';
import { Outbox } from './outbox.js';
import { Effect, effectsOf, initialCall, reduceCall } from './state.js';

// Fine enough for the 2 s patience of recovery.js, coarse enough to cost nothing on an old phone.
const WATCH_EVERY_MS = 500;
const STATS_EVERY_MS = 2_000;
// A tile that grows by a few pixels is no reason for another layer.
const HEIGHT_STEP = 90;
// A window that is resized tells all its tiles at once.
const GATHER_MS = 100;
// Every page has heard of the switch and closed its links by then; a second time, and every page receives again.
const SWITCH_PAUSE_MS = 1_000;
// A relay that is killed is back in about two seconds.
const REFUSED_PAUSE_MS = 1_000;
/** Problems after which another ticket will not help. */
const FINAL_CODES = ['not-signed-in', 'not-found', 'not-allowed', 'wrong-state', 'link-revoked', 'link-expired'];

/**
 * @typedef {import('./state.js').CallState} CallState
 * @typedef {import('./state.js').CallAction} CallAction
 * @typedef {import('../media/links.js').OwnSource} OwnSource
 * @typedef {object} SessionOptions
 * @property {string} [visitId] needed by staff; a patient's session knows its visit
 * @property {(state: CallState) => void} onState
 * @property {boolean} [audioOnly] start without the camera
 * @property {import('../media/line_verdict.js').LineFound|null} [line] what the line test found: how the call begins
 * @property {boolean} [mediaOnRing] a doctor who reads the case is not on camera yet: devices open with the ring
 * @property {(closeCode: number) => void} [onEnd] the seat is gone for good; 4409: a newer page has it
 */

export class CallSession {
  /** @type {CallState} */
  state = initialCall();
  /** @type {Map<string, MediaStreamTrack>} "seat/source" -> what we receive */
  media = new Map();
  /** @type {Map<OwnSource, MediaStreamTrack>} */
  own = new Map();
  /** Strokes and pointers on the pictures. */
  room = new RoomChannel(() => this.#options.onState(this.state), (entry) => this.outbox.hear(entry));
  /** Chat and readings, until they are stored. */
  outbox = new Outbox({
    send: (type, body) => this.#socket.send(type, body), onChange: (written) => this.#dispatch({ type: 'written', written }),
    sendLast: (entries) => {
      const path = this.#options.visitId ? `/api/visits/${this.#options.visitId}/written` : '/api/visit/written';
      request('POST', path, { body: { entries }, keepalive: true }).catch(() => {}); // the tab still has them, if it is a reload
    },
    sendDirect: (type, body) => { if (!this.room.isOpen) return false; this.room.send(type, body); return true; },
  });
  /** The practitioner draws: set by the page. */
  isDrawing = false;
  /** The patient, or who is with them, points: set by the page. */
  isPointing = false;
  #options;
  #socket;
  #up;
  #down;
  /** @type {RTCConfiguration} shared by both links; changed in place */
  #configuration = { iceServers: [], bundlePolicy: 'max-bundle' };
  /** @type {Beginning} */
  #begin;
  #ice = new IceServers((servers) => this.#useServers(servers));
  #encryption = new Encryption({
    send: (type, body) => this.#socket.send(type, body), onChange: (sealing) => this.#dispatch({ type: 'sealing', sealing }),
    onSwitch: () => void this.#switchMedia(),
  });
  #watches = { up: newWatch(0), down: newWatch(0) };
  #isStarted = false;
  /** @type {Map<string, number>} */
  #heights = new Map();
  #wishTimer = 0;
  /** The practitioner has called the patient from this page. */
  hasRung = false;
  /** @type {import('../media/quality.js').Sample|null} */
  #sample = null;
  #network = this.#newNetwork();
  #abort = new AbortController();

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.state = { ...this.state, audioOnly: Boolean(options.audioOnly), camera: { on: !options.audioOnly, problem: null } };
    this.#begin = new Beginning(options.line ?? null);
    this.#configuration.iceTransportPolicy = policyOf(this.#begin.way);
    this.#socket = new SignallingSocket({
      ticket: async (signal) => (await request('POST', '/api/tickets', { body: options.visitId ? { visit_id: options.visitId } : {}, signal })).ticket,
      onMessage: (envelope) => this.#receive(envelope),
      onConnection: (connection) => { this.#dispatch({ type: 'connection', connection }); this.outbox.look(connection === Connection.OPEN); },
      onEnd: (code) => { this.#stopMedia(); options.onEnd?.(code); },
      isFinal: (error) => FINAL_CODES.includes(/** @type {any} */ (error)?.code),
    });
    const configuration = this.#configuration;
    const send = (/** @type {string} */ type, /** @type {unknown} */ body) => this.#socket.send(type, this.#encryption.described(type, body));
    const onSender = (/** @type {RTCRtpSender} */ sender, /** @type {string} */ kind) => this.#encryption.attachSender(sender, kind);
    this.#up = new UpLink(configuration, {
      send, onSender, onState: (state) => this.#linkState('up', state), onPeer: (peer) => this.room.attach(peer),
    });
    this.#down = new DownLink(configuration, {
      send, onReceiver: (receiver) => this.#encryption.attachReceiver(receiver),
      onState: (state) => this.#linkState('down', state), onTracks: (tracks) => this.#tracks(tracks),
    });
  }

  #newNetwork() {
    return new NetworkObserver({
      peer: (name) => (this.#isStarted ? (name === 'up' ? this.#up : this.#down).peer : null),
      isShaky: (name) => this.#watches[name].health === LinkHealth.SHAKY,
      restart: (names) => { this.#openAllWays(); if (this.#isStarted) this.#decide(names, true); },
      doubt: () => this.#socket.doubt(),
      heard: (name) => { this.#watches[name] = answered(this.#watches[name]); },
      onRoute: (route) => this.#socket.send('network', route),
    });
  }

  /** Take the seat. */
  open() {
    const { signal } = this.#abort;
    this.#network.open(signal);
    const watch = setInterval(() => this.#watch(), WATCH_EVERY_MS);
    const stats = setInterval(() => this.#measure(), STATS_EVERY_MS);
    window.addEventListener('pagehide', () => this.outbox.leave(), { signal });
    signal.addEventListener('abort', () => { clearInterval(watch); clearInterval(stats); }, { once: true });
    this.#socket.open();
  }

  /** Give up the seat's connection (the seat itself stays on the server). */
  close() {
    this.#abort.abort();
    this.#ice.close();
    this.#encryption.close();
    this.#stopMedia();
    this.#socket.close();
  }

  /** @param {string} type @param {unknown} [body] */
  send(type, body = {}) {
    this.#socket.send(type, body);
  }

  get visitId() {
    return this.#options.visitId ?? '';
  }

  /** Call the patient; our own picture and sound start first, so that the patient is not met by a black tile. */
  async ring() {
    this.hasRung = true;
    if (this.state.admitted) await this.#startMedia();
    this.#socket.send('ring');
  }

  /** How large a picture is shown: the relay sends no more than that, and nothing at 0. @param {string} key "seat/source" @param {number} pixels */
  showAt(key, pixels) {
    const height = Math.ceil(pixels / HEIGHT_STEP) * HEIGHT_STEP;
    if (this.#heights.get(key) === height) return;
    this.#heights.set(key, height);
    this.#wishTimer ||= window.setTimeout(() => this.#wishLayers(), GATHER_MS);
  }

  markChatRead() {
    this.#dispatch({ type: 'chat-read' });
  }

  /** A device or the screen on or off. A camera is really released: its light goes out. @param {OwnSource} source @param {boolean} on */
  async setDevice(source, on) {
    if (source === 'microphone' && this.own.has('microphone')) /** @type {MediaStreamTrack} */ (this.own.get('microphone')).enabled = on;
    else if (on) return this.#acquire(source);
    else this.#release(source);
    if (isBasic(source)) this.#socket.send('mute', { source, muted: !on });
    this.#dispatch({ type: 'device', source, on, problem: null });
  }

  /** Sound only: no picture out, and none asked for. @param {boolean} on */
  async setAudioOnly(on) {
    this.#dispatch({ type: 'audio-only', on });
    this.#wishLayers();
    await this.setDevice('camera', !on);
  }

  /** @param {import('../types.js').Envelope} envelope */
  #receive(envelope) {
    const before = this.state;
    if (envelope.type === 'welcome') this.#ice.take({ ice_servers: envelope.body.ice_servers ?? [], ttl_s: envelope.body.ice_ttl_s ?? 0 });
    this.#dispatch({ type: 'message', envelope });
    this.#encryption.receive(envelope);
    this.outbox.receive(envelope);
    for (const effect of effectsOf(before, this.state, envelope)) this.#carryOut(effect, envelope);
  }

  /** @param {Effect} effect @param {import('../types.js').Envelope} envelope */
  #carryOut(effect, { body, re }) {
    switch (effect) {
      case Effect.START_MEDIA: return void this.#startMedia();
      case Effect.REBUILD_UP: return void this.#buildUp();
      case Effect.REBUILD_DOWN: return this.#buildDown();
      case Effect.STOP_MEDIA: return this.#stopMedia();
      case Effect.ACCEPT: return void this.#accept();
      case Effect.TAKE_ANSWER: return void this.#up.published({ ...body, sdp: only(body.sdp, this.#begin.way) });
      case Effect.ANSWER_OFFER: if (!this.#isStarted) return; return void this.#down.offered({ ...body, sdp: only(body.sdp, this.#begin.way) }, re).then(() => this.#wishLayers());
      case Effect.HURRY: return this.#hurry();
      case Effect.MOVE: return void this.#move();
      case Effect.FOLLOW_DEMAND: return void this.#up.demand(body);
      case Effect.STOP: return this.close();
    }
  }

  /** Answer as soon as the devices are open. Without a microphone the person decides: the page shows what is wrong and a button. */
  async #accept() {
    await this.#openDevices();
    if (!this.state.microphone.problem) this.#socket.send('accept');
  }

  async #startMedia() {
    if (this.#isStarted || (this.#options.mediaOnRing && !this.hasRung && this.state.visitState === 'called')) return;
    this.#isStarted = true;
    await this.#openDevices();
    if (!this.#isStarted) return;
    this.#buildDown();
    await this.#buildUp();
  }

  /** Microphone first: if only one works, it must be that one. */
  async #openDevices() {
    if (this.state.microphone.on && !this.own.has('microphone')) await this.#acquire('microphone');
    if (this.state.camera.on && !this.own.has('camera')) await this.#acquire('camera');
  }

  /** The relay refused or is restarting: look again in a second instead of after the full patience. */
  #hurry() {
    const since = performance.now() - CHECK_PATIENCE_MS + REFUSED_PAUSE_MS;
    for (const name of /** @type {('up'|'down')[]} */ (['up', 'down'])) {
      const watch = this.#watches[name];
      if (watch.health === LinkHealth.NEW || watch.health === LinkHealth.CHECKING) this.#watches[name] = { ...watch, since };
    }
  }

  /** Encryption begins or ends: new links, one after the other, so that no offer for an old one is taken for a new one's. */
  async #switchMedia() {
    if (!this.#isStarted) return;
    const { signal } = this.#abort;
    this.#isStarted = false;
    this.#up.close();
    this.#down.close();
    await new Promise((resolve) => { setTimeout(resolve, SWITCH_PAUSE_MS); });
    if (signal.aborted || !this.state.admitted) return;
    this.#isStarted = true;
    this.#buildDown();
    await new Promise((resolve) => { setTimeout(resolve, SWITCH_PAUSE_MS); });
    if (this.#isStarted && !signal.aborted) await this.#buildUp();
  }

  #buildDown() {
    this.#watches.down = newWatch(performance.now());
    this.#down.subscribe();
  }

  /** Another relay has the room: new links there, while the old ones go on until these play. */
  async #move() {
    if (!this.#isStarted) return;
    this.#watches = { up: newWatch(performance.now()), down: newWatch(performance.now()) };
    this.#down.replace();
    await this.#up.replace();
  }

  async #buildUp() {
    this.#watches.up = newWatch(performance.now());
    await this.#up.setCeiling(this.#begin.ceiling);
    await this.#up.rebuild();
    for (const source of /** @type {OwnSource[]} */ (['microphone', 'camera'])) {
      this.#socket.send('mute', { source, muted: !this.state[source].on || !this.own.has(source) });
    }
  }

  #stopMedia() {
    this.#isStarted = false;
    this.#up.close();
    this.#down.close();
    for (const source of [...this.own.keys()]) {
      this.#release(source);
      if (!isBasic(source)) this.#dispatch({ type: 'device', source, on: false, problem: null });
    }
    this.media.clear();
    if (this.state.tracks.length) this.#dispatch({ type: 'tracks', tracks: [] });
  }

  /** @param {OwnSource} source */
  async #acquire(source) {
    const { track, problem } = await this.#opened(source);
    if (track) {
      this.own.set(source, track);
      track.addEventListener('ended', () => this.own.get(source) === track && this.#unplugged(source), { signal: this.#abort.signal });
    }
    await this.#up.setTrack(source, track);
    this.#dispatch({ type: 'device', source, on: Boolean(track), problem });
    if (this.#isStarted && isBasic(source)) this.#socket.send('mute', { source, muted: !track });
  }

  /** @param {OwnSource} source */
  #opened(source) {
    if (source === 'screen') return openScreen();
    return source === 'second_camera' ? openSecondCamera(this.own.get('camera')) : openDevice(source);
  }

  /** @param {OwnSource} source */
  #release(source) {
    this.own.get(source)?.stop();
    this.own.delete(source);
    void this.#up.setTrack(source, null);
  }

  /** A headset was pulled out: take what is left. @param {OwnSource} source */
  #unplugged(source) {
    if (!isBasic(source)) return void this.setDevice(source, false); // "stop sharing" in the browser's own bar
    this.own.delete(source);
    void this.#acquire(source);
  }

  /** @param {{track: import('../types.js').Track, media: MediaStreamTrack}[]} received */
  #tracks(received) {
    const receivers = new Map(this.#down.peer?.getTransceivers().map(({ mid, receiver }) => [mid, receiver]));
    for (const { track } of received) this.#encryption.assign(receivers.get(track.mid), track.seat);
    this.media = new Map(received.map(({ track, media }) => [`${track.seat}/${track.source}`, media]));
    this.#dispatch({ type: 'tracks', tracks: received.map(({ track }) => track) });
  }

  #wishLayers() {
    clearTimeout(this.#wishTimer);
    this.#wishTimer = 0;
    const wishes = this.state.tracks.filter((track) => track.kind === 'video')
      .map((track) => this.#wish(track));
    if (wishes.length) this.#socket.send('layers', { wishes });
  }

  /** @param {import('../types.js').Track} track */
  #wish({ mid, seat, source }) {
    const height = this.#heights.get(`${seat}/${source}`);
    return { mid, paused: this.state.audioOnly || height === 0, ...(height ? { max_height: height } : {}) };
  }

  /** @param {'up'|'down'} link @param {string} state */
  #linkState(link, state) {
    const health = healthOf(state);
    this.#watches[link] = observe(this.#watches[link], health, performance.now());
    this.#dispatch({ type: 'link', link, health });
  }

  /** @param {RTCIceServer[]} servers */
  #useServers(servers) {
    this.#configuration.iceServers = servers;
    for (const { peer } of [this.#up, this.#down]) peer?.setConfiguration(this.#configuration);
  }

  #watch() {
    this.outbox.look(this.state.connection === Connection.OPEN);
    if (this.#isStarted && this.state.connection === Connection.OPEN) this.#decide(['up', 'down'], false);
  }

  /** @param {('up'|'down')[]} names @param {boolean} networkChanged what is asked for then is sent as soon as the socket is back */
  #decide(names, networkChanged) {
    for (const name of names) {
      const { watch, action } = decide(this.#watches[name], performance.now(), networkChanged);
      this.#watches[name] = watch;
      if (action !== Action.NONE) this.#repair(name, action);
    }
  }

  /** @param {'up'|'down'} name @param {Action} action */
  #repair(name, action) {
    if (action === Action.REBUILD) this.#openAllWays();
    if (name === 'up') void (action === Action.RESTART ? this.#up.restart() : this.#up.rebuild());
    else if (action === Action.RESTART) this.#down.restart();
    else this.#down.subscribe();
  }

  /** What the test found no longer holds: another network, or a way that closed. */
  #openAllWays() {
    this.#begin.way = null;
    this.#configuration.iceTransportPolicy = policyOf(null);
    for (const { peer } of [this.#up, this.#down]) peer?.setConfiguration(this.#configuration);
  }

  async #measure() {
    const peer = this.#down.peer;
    if (!peer || this.state.down !== LinkHealth.CONNECTED) return;
    const sample = sampleOf((await peer.getStats()).values(), performance.now());
    if (this.#sample) {
      const line = between(this.#sample, sample);
      this.#socket.send('quality', { stats: line, network: networkKind() });
      this.#dispatch({ type: 'verdict', verdict: verdictOf(line) });
      if (this.#begin.lifts(verdictOf(line) === Verdict.GOOD)) await this.#up.setCeiling(null);
    }
    this.#sample = sample;
  }

  /** @param {CallAction} action */
  #dispatch(action) {
    const state = reduceCall(this.state, action, performance.now());
    if (state === this.state) return;
    this.state = state;
    this.#options.onState(state);
  }
}

/** Sources that have an m-line always and are muted rather than taken away. @param {OwnSource} source */
const isBasic = (source) => source === 'microphone' || source === 'camera';

/** wifi, cellular, ethernet, …: the relay remembers what each carried. Chromium on phones alone tells it. @returns {string} */
const networkKind = () => String(/** @type {any} */ (navigator).connection?.type ?? 'unknown').slice(0, 20);
