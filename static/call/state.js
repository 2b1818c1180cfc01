// @ts-check
/**
 * What one seat knows about its consultation. Pure: server messages and local events in, state and effects out.
 * Used alike by the patient's page and the doctor's console.
 */

import { NOTHING_WRITTEN } from './written.js';
import { Connection } from '../signalling/socket.js';
import { LinkHealth } from '../media/recovery.js';

/** Effects for call/session.js. */
export const Effect = Object.freeze({
  START_MEDIA: 'start-media', STOP_MEDIA: 'stop-media', REBUILD_UP: 'rebuild-up', REBUILD_DOWN: 'rebuild-down',
  ACCEPT: 'accept', TAKE_ANSWER: 'take-answer', ANSWER_OFFER: 'answer-offer', STOP: 'stop', HURRY: 'hurry', MOVE: 'move',
  FOLLOW_DEMAND: 'follow-demand',
});
/** @typedef {typeof Effect[keyof typeof Effect]} Effect */

/** States of the visit in which the call has begun (signaling/states.py OPEN). */
export const CALL_STATES = Object.freeze(['in_consult', 'held', 'dropped', 'emergency']);
/** States after which nothing more comes. */
export const CLOSED_STATES = Object.freeze([
  'completed', 'left_unseen', 'no_show', 'service_cancelled', 'discontinued', 'entered_in_error', 'transferred',
]);

/** What is offered while a line is down, by seconds since the loss (consultation.md §7). */
export const Rung = Object.freeze({ NONE: 'none', RECONNECTING: 'reconnecting', RETRYING: 'retrying', AUDIO: 'audio', PHONE: 'phone', DOCTOR: 'doctor' });
/** @typedef {typeof Rung[keyof typeof Rung]} Rung */
/** @type {readonly [number, Rung][]} seconds since the loss, highest first */
export const LADDER = Object.freeze([[300, Rung.DOCTOR], [60, Rung.PHONE], [20, Rung.AUDIO], [5, Rung.RETRYING], [0, Rung.RECONNECTING]]);

/**
 * @typedef {import('../types.js').Seat} Seat
 * @typedef {import('../types.js').Track} Track
 * @typedef {import('../types.js').Envelope} Envelope
 * @typedef {{on: boolean, problem: string|null}} OwnDevice
 *
 * @typedef {{seat: string, network: string, gap_ms: number, at: number}} Move
 *
 * What we get of a picture (high, mid, low, audio_only), why, and what comes next on this line.
 * @typedef {{rung: string, cause: string, soon: string|null}} Picture
 *
 * @typedef {object} CallState
 * @property {Connection} connection @property {string} seat @property {string} role @property {string} visitState @property {boolean} admitted we may publish and subscribe
 * @property {readonly Seat[]} seats everyone, ourselves included
 * @property {readonly Track[]} tracks what arrives on our down link
 * @property {readonly import('../types.js').ChatEntry[]} chat oldest first @property {number} unread
 * @property {readonly import('../types.js').Reading[]} readings vital signs that are stored, oldest first
 * @property {import('./written.js').Written} written what is not known to be stored
 * @property {import('../types.js').QueuePlace & {full?: boolean}|null} queue
 * @property {import('../types.js').Practitioner|null} practitioner
 * @property {{seat: string, role: string, step: string, since_s: number}|null} drop which side the server misses
 * @property {string|null} unanswered what to do when the patient does not answer
 * @property {boolean} ringing @property {string} speaker seat id @property {string} recording
 * @property {string} recordingBecause why it waits, pauses or ended @property {boolean} recordingAsk our consent is wanted
 * @property {import('../types.js').Emergency|null} emergency @property {string|null} bye reason
 * @property {LinkHealth} up @property {LinkHealth} down
 * @property {boolean} everConnected media of this call stood at least once
 * @property {number|null} troubleSince ms, null while all is well
 * @property {OwnDevice} microphone @property {OwnDevice} camera @property {OwnDevice} screen @property {OwnDevice} second_camera
 * @property {boolean} audioOnly @property {Readonly<Record<string, Picture>>} pictures "seat/source" -> what the relay sends us of it @property {string} verdict @property {string|null} error last error code
 * @property {Move|null} move the last change of a network under somebody's media
 * @property {Readonly<Record<string, number>>} scores seat -> mean opinion score 1..4.5, told by the relay
 * @property {import('./encryption.js').Sealing} sealing end-to-end encryption
 * @property {Readonly<Record<string, import('../types.js').Fitness>>} fitness seat -> what its line is fit for now
 * @property {Readonly<Record<string, readonly string[]>>} stopped seat -> sources from which nothing arrives
 */

/** @returns {CallState} */
export const initialCall = () => ({
  connection: Connection.IDLE, seat: '', role: '', visitState: '', admitted: false, seats: [], tracks: [], chat: [], unread: 0, readings: [], written: NOTHING_WRITTEN, queue: null,
  practitioner: null, drop: null, unanswered: null, ringing: false, speaker: '', recording: 'off', recordingBecause: '', recordingAsk: false, emergency: null, bye: null, up: LinkHealth.NEW,
  down: LinkHealth.NEW, everConnected: false, troubleSince: null, microphone: { on: true, problem: null },
  camera: { on: true, problem: null }, screen: { on: false, problem: null }, second_camera: { on: false, problem: null },
  audioOnly: false, pictures: {}, move: null, verdict: 'unknown', error: null, scores: {}, fitness: {}, sealing: { on: false, able: false, safety: [], by: '' }, stopped: {},
});

/**
 * @typedef {{type: 'message', envelope: Envelope}|{type: 'connection', connection: Connection}
 *   |{type: 'link', link: 'up'|'down', health: LinkHealth}|{type: 'tracks', tracks: Track[]}
 *   |{type: 'device', source: import('../media/links.js').OwnSource, on: boolean, problem: string|null}
 *   |{type: 'sealing', sealing: import('./encryption.js').Sealing}|{type: 'audio-only', on: boolean}|{type: 'verdict', verdict: string}|{type: 'written', written: import('./written.js').Written}|{type: 'chat-read'}} CallAction
 */

/** @param {CallState} state @param {CallAction} action @param {number} now ms @returns {CallState} */
export function reduceCall(state, action, now) {
  return withTrouble(step(state, action, now), now);
}

/** @param {CallState} state @param {CallAction} action @param {number} now @returns {CallState} */
function step(state, action, now) {
  switch (action.type) {
    case 'message': return receive(state, action.envelope, now);
    case 'connection': return { ...state, connection: action.connection };
    case 'link': return {
      ...state, [action.link]: action.health, everConnected: state.everConnected || action.health === LinkHealth.CONNECTED,
    };
    case 'tracks': return { ...state, tracks: action.tracks };
    case 'device': return { ...state, [action.source]: { on: action.on, problem: action.problem } };
    case 'audio-only': return { ...state, audioOnly: action.on };
    case 'written': return withWritten(state, action.written);
    case 'sealing': return { ...state, sealing: action.sealing };
    case 'verdict': return { ...state, verdict: action.verdict };
    case 'chat-read': return { ...state, unread: 0 };
  }
}

/** @param {CallState} state @param {Envelope} envelope @param {number} now @returns {CallState} */
function receive(state, { type, body }, now) {
  switch (type) {
    case 'welcome': return welcomed(state, body);
    case 'state': return moved(state, body);
    case 'seats': return { ...state, seats: body.seats };
    case 'queue': return { ...state, queue: body };
    case 'claimed': return { ...state, practitioner: body.practitioner ?? body };
    case 'released': return { ...state, practitioner: null, ringing: false };
    case 'ringing': return { ...state, ringing: true };
    case 'drop': return { ...state, drop: body };
    case 'unanswered': return { ...state, unanswered: body.step };
    case 'chat': return addChat(state, body);
    case 'vitals': return { ...state, readings: merge(state.readings, [body]) };
    case 'speaker': return { ...state, speaker: body.seat };
    case 'quality': return {
      ...state, scores: { ...state.scores, [body.seat]: body.score },
      fitness: { ...state.fitness, [body.seat]: { verdict: body.verdict, reasons: body.reasons ?? [] } },
    };
    case 'layer': return withPicture(state, body, { rung: body.rung, cause: body.cause, soon: null });
    case 'layer-soon': return withPicture(state, body, { soon: body.rung });
    case 'path-changed': return withMove(state, body, now);
    case 'media-stopped': return withStopped(state, body);
    case 'recording': return { ...state, recording: body.state, recordingBecause: body.because ?? '', recordingAsk: body.ask ?? false };
    case 'emergency': return { ...state, emergency: body };
    case 'bye': return { ...state, bye: body.reason };
    case 'error': return { ...state, error: body.code };
    default: return state;
  }
}

/** @param {CallState} state @param {any} body @returns {CallState} */
function welcomed(state, body) {
  const fresh = body.resumed ? {} : { seats: body.seats ?? [], drop: null, unanswered: null, ...recordingAnew(state) };
  return {
    ...state, ...fresh, seat: body.seat, role: body.role, visitState: body.visit.state, admitted: body.admitted, error: null,
    bye: null, chat: merge(state.chat, body.chat ?? []), readings: merge(state.readings, body.vitals ?? []),
  };
}

/**
 * Before a server that has just started says anything of a recording there is none: one that ran was cut off, and who
 * counts on it must hear so.
 * @param {CallState} state @returns {Pick<CallState, 'recording'|'recordingBecause'|'recordingAsk'>}
 */
function recordingAnew({ recording, recordingBecause }) {
  const wasRunning = ['on', 'gap'].includes(recording);
  const stays = recording === 'off' && recordingBecause === 'failed';
  return { recording: 'off', recordingBecause: wasRunning || stays ? 'failed' : '', recordingAsk: false };
}

/** @param {CallState} state @param {any} body @returns {CallState} */
function moved(state, body) {
  const isQueued = ['waiting', 'away'].includes(body.state);
  return {
    ...state, visitState: body.state, admitted: body.admitted, unanswered: null,
    ringing: state.ringing && body.state === 'called',
    practitioner: isQueued ? null : state.practitioner,
    drop: body.state === 'dropped' ? state.drop : null,
  };
}

/** @template {{key: string, number: number}} T @param {readonly T[]} known @param {readonly T[]} more @returns {T[]} */
export function merge(known, more) {
  const byKey = new Map([...known, ...more].map((entry) => [entry.key, entry]));
  return [...byKey.values()].sort((a, b) => a.number - b.number);
}

/** @param {CallState} state @param {import('../types.js').ChatEntry} entry @returns {CallState} */
function addChat(state, entry) {
  if (state.chat.some((known) => known.key === entry.key)) return state;
  const isNews = entry.from !== state.seat && !state.written.heard.some(({ key }) => key === entry.key);
  return { ...state, chat: merge(state.chat, [entry]), unread: state.unread + (isNews ? 1 : 0) };
}

/** A message that came over the data channel is news; stored later, it is none. @param {CallState} state @param {import('./written.js').Written} written @returns {CallState} */
function withWritten(state, written) {
  const isNews = (/** @type {import('./written.js').Heard} */ { key, type }) => type === 'chat'
    && ![...state.written.heard, ...state.chat].some((known) => known.key === key);
  return { ...state, written, unread: state.unread + written.heard.filter(isNews).length };
}

/** Trouble begins when a link that stood (or the socket) is down during a call, and ends when both stand. @param {CallState} state @param {number} now @returns {CallState} */
function withTrouble(state, now) {
  const troubled = isInCall(state) && (state.connection !== Connection.OPEN || (state.everConnected && !isMediaUp(state)));
  if (!troubled) return state.troubleSince === null ? state : { ...state, troubleSince: null };
  return state.troubleSince === null ? { ...state, troubleSince: now } : state;
}

/** @param {CallState} state @param {{seat: string, source: string, stopped: boolean}} body @returns {CallState} */
function withStopped(state, { seat, source, stopped }) {
  const others = (state.stopped[seat] ?? []).filter((known) => known !== source);
  return { ...state, stopped: { ...state.stopped, [seat]: stopped ? [...others, source] : others } };
}

// Both links of a seat move within moments: that is one change, with the longer silence.
const ONE_MOVE_MS = 5_000;
// Long enough to read; the change itself stands in the visit's events.
export const MOVE_SHOWN_MS = 8_000;

/** @param {CallState} state @param {any} body @param {number} now @returns {CallState} */
function withMove(state, body, now) {
  const before = state.move && state.move.seat === body.seat && now - state.move.at < ONE_MOVE_MS ? state.move.gap_ms : 0;
  return { ...state, move: { seat: body.seat, network: body.to.network, gap_ms: Math.max(before, body.gap_ms ?? 0), at: now } };
}

/** The change to tell now, if one is fresh. @param {CallState} state @param {number} now @returns {Move|null} */
export const freshMove = (state, now) => (state.move && now - state.move.at < MOVE_SHOWN_MS ? state.move : null);

/** @param {CallState} state @param {{seat: string, source: string}} of @param {Partial<Picture>} change @returns {CallState} */
function withPicture(state, { seat, source }, change) {
  const key = `${seat}/${source}`;
  const before = state.pictures[key] ?? { rung: 'high', cause: 'start', soon: null };
  return { ...state, pictures: { ...state.pictures, [key]: { ...before, ...change } } };
}

/** Why a picture is not sent although its tile is shown: the line, or more faces than fit; empty when it is. @param {CallState} state @param {string} key */
export function whyPaused(state, key) {
  const picture = state.pictures[key];
  return picture?.rung === 'audio_only' && ['line', 'last_n'].includes(picture.cause) ? picture.cause : '';
}

/**
 * What the person should know of the pictures: one is paused because of the line, or will be. @param {CallState} state
 * @returns {'paused'|'soon'|''}
 */
export function pictureTrouble(state) {
  if (state.audioOnly) return '';
  const shown = Object.entries(state.pictures).filter(([key]) => state.tracks.some((track) => `${track.seat}/${track.source}` === key));
  if (shown.some(([key]) => whyPaused(state, key) === 'line')) return 'paused';
  return shown.some(([, picture]) => picture.soon === 'audio_only') ? 'soon' : '';
}

// Below 2.6 "nearly all users are dissatisfied" (ITU-T G.107 Annex B: R < 50).
const WEAK_SCORE = 2.6;

/** @param {CallState} state @param {string} seat */
export const isWeak = (state, seat) => (state.scores[seat] ?? 5) < WEAK_SCORE;

/** @param {CallState} state */
export const isInCall = (state) => CALL_STATES.includes(state.visitState);
/** @param {CallState} state */
const isMediaUp = (state) => state.up === LinkHealth.CONNECTED && state.down === LinkHealth.CONNECTED;

/** Which step of the drop ladder we are on. @param {CallState} state @param {number} now ms @returns {Rung} */
export function rung(state, now) {
  if (state.troubleSince === null) return Rung.NONE;
  const seconds = (now - state.troubleSince) / 1000;
  return LADDER.find(([from]) => seconds >= from)?.[1] ?? Rung.RECONNECTING;
}

/** Everyone but ourselves, with what they send. @param {CallState} state @returns {(Seat & {tracks: Track[]})[]} */
export function others(state) {
  return state.seats.filter((seat) => seat.seat !== state.seat)
    .map((seat) => ({ ...seat, tracks: state.tracks.filter((track) => track.seat === seat.seat) }));
}

/**
 * What has to be done after a message, in order.
 * @param {CallState} before @param {CallState} after @param {Envelope} envelope
 * @returns {Effect[]}
 */
export function effectsOf(before, after, envelope) {
  switch (envelope.type) {
    case 'welcome': return onWelcome(before, after, envelope.body);
    case 'state': return onMove(before, after);
    case 'released': return [Effect.STOP_MEDIA];
    case 'ringing': return after.role === 'patient' ? [Effect.ACCEPT] : [];
    case 'published': return [Effect.TAKE_ANSWER];
    case 'offer': return [Effect.ANSWER_OFFER];
    case 'relay-moves': return after.admitted ? [Effect.MOVE] : [];
    case 'relay-lost': return after.admitted ? [Effect.REBUILD_UP, Effect.REBUILD_DOWN] : [];
    case 'error': return ['relay-refused', 'try-again'].includes(envelope.body.code) ? [Effect.HURRY] : [];
    case 'bye': return [Effect.STOP];
    case 'demand': return [Effect.FOLLOW_DEMAND];
    default: return [];
  }
}

/** A link that the server no longer knows is set up anew; one that it knows goes on untouched. @param {CallState} before @param {CallState} after @param {any} body @returns {Effect[]} */
function onWelcome(before, after, body) {
  if (!after.admitted) return before.admitted ? [Effect.STOP_MEDIA] : [];
  if (!before.admitted) return [Effect.START_MEDIA];
  const links = body.links ?? {};
  return [...(links.up ? [] : [Effect.REBUILD_UP]), ...(links.down ? [] : [Effect.REBUILD_DOWN])];
}

/** @param {CallState} before @param {CallState} after @returns {Effect[]} */
function onMove(before, after) {
  if (after.admitted) return before.admitted && before.visitState !== 'called' ? [] : [Effect.START_MEDIA];
  const wasReady = before.admitted || before.visitState === 'called'; // devices may be open since the ring
  return wasReady && after.visitState !== 'called' ? [Effect.STOP_MEDIA] : [];
}
