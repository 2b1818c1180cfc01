// @ts-check
/** What was recorded of the visit, and its player: the seats' files beside each other, on one clock. */

import { get } from '../api.js';
import { el, fill, icon, setText } from '../elements.js';
import { t } from '../i18n/index.js';

const TICK_MS = 250;
const OFF_BY_S = 0.15; // a file further off the clock is put right; less would be heard as a stumble
const AFTER_CALL_MS = 3_000; // sealing takes a moment

/**
 * @typedef {{track: number, since_ms: number, until_ms: number, cause: string}} Gap
 * @typedef {{part: number, seat: string, start_ms: number, duration_ms: number, is_finished: boolean, tracks: {kind: string, source: string}[], gaps: Gap[]}} Part
 * @typedef {{id: string, started_at: string, ended_at: string|null, is_finished: boolean, duration_ms: number, parts: Part[]}} Recorded
 */

/** Minutes and seconds. @param {number} ms */
export function clockText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Stretches of a recording in which something is missing, in order. @param {Recorded} recorded */
export function missing(recorded) {
  return recorded.parts
    .flatMap((part) => part.gaps.map((gap) => ({ ...gap, kind: part.tracks[gap.track]?.kind ?? 'audio' })))
    .sort((a, b) => a.since_ms - b.since_ms);
}

/** The next moment of which there is something, `at` itself when there is. @param {Part[]} parts @param {number} at ms */
export function nextMedia(parts, at) {
  if (parts.some((part) => part.start_ms <= at && at < part.start_ms + part.duration_ms)) return at;
  const later = parts.map((part) => part.start_ms).filter((start) => start > at);
  return later.length ? Math.min(...later) : at;
}

/** Several files, played as one. */
class Player {
  /** @type {{part: Part, video: HTMLVideoElement}[]} */
  #files;
  #now = 0;
  #since = 0;
  #isPlaying = false;
  #timer = 0;
  #duration;
  #play = el('button', { type: 'button', class: 'primary', on: { click: () => this.toggle() } });
  #seek = el('input', { type: 'range', min: 0, step: 1, value: 0, on: { input: () => this.#jump(Number(this.#seek.value) * 1000) } });
  #clock = el('span', { class: 'player-clock' });
  element;

  /** @param {string} visitId @param {Recorded} recorded */
  constructor(visitId, recorded) {
    this.#duration = recorded.duration_ms;
    this.#files = recorded.parts.map((part) => ({ part, video: videoOf(visitId, recorded.id, part) }));
    this.#seek.max = String(Math.ceil(this.#duration / 1000));
    this.#seek.setAttribute('aria-label', t('player.position'));
    this.element = el('div', { class: 'player' }, el('div', { class: 'player-files' }, this.#files.map(({ video }) => video)),
      el('div', { class: 'player-bar' }, this.#play, this.#seek, this.#clock));
    this.#draw();
  }

  toggle() {
    if (this.#isPlaying) return this.#pause();
    if (this.#position() >= this.#duration) this.#now = 0;
    this.#isPlaying = true;
    this.#since = performance.now();
    this.#timer = window.setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  close() {
    window.clearInterval(this.#timer);
    for (const { video } of this.#files) { video.pause(); video.removeAttribute('src'); video.load(); }
  }

  #position() {
    return this.#isPlaying ? this.#now + performance.now() - this.#since : this.#now;
  }

  #pause() {
    this.#now = Math.min(this.#position(), this.#duration);
    this.#isPlaying = false;
    window.clearInterval(this.#timer);
    for (const { video } of this.#files) video.pause();
    this.#draw();
  }

  /** @param {number} ms */
  #jump(ms) {
    this.#jumpTo(ms);
    this.#tick();
  }

  /** @param {number} ms */
  #jumpTo(ms) {
    this.#now = ms;
    this.#since = performance.now();
  }

  #tick() {
    if (this.#isPlaying && this.#position() >= this.#duration) this.#pause();
    if (this.#isPlaying) this.#skipPause();
    for (const file of this.#files) this.#follow(file.video, (this.#position() - file.part.start_ms) / 1000, file.part.duration_ms / 1000);
    this.#draw();
  }

  /** Where nothing was recorded there is nothing to watch: go to where it went on. */
  #skipPause() {
    const at = this.#position();
    const next = nextMedia(this.#files.map(({ part }) => part), at);
    if (next > at) this.#jumpTo(next);
  }

  /** Bring one file to the clock. @param {HTMLVideoElement} video @param {number} wanted @param {number} length */
  #follow(video, wanted, length) {
    const isDue = wanted >= 0 && wanted < length;
    video.classList.toggle('idle', !isDue);
    if (!isDue) return video.pause();
    if (!video.seeking && Math.abs(video.currentTime - wanted) > OFF_BY_S) video.currentTime = wanted;
    if (this.#isPlaying && video.paused) void video.play().catch(() => undefined);
    else if (!this.#isPlaying) video.pause();
  }

  #draw() {
    setText(this.#play, t(this.#isPlaying ? 'player.pause' : 'player.play'));
    if (document.activeElement !== this.#seek) this.#seek.value = String(Math.round(this.#position() / 1000));
    const text = `${clockText(Math.min(this.#position(), this.#duration))} / ${clockText(this.#duration)}`;
    setText(this.#clock, text);
    this.#seek.setAttribute('aria-valuetext', text);
  }
}

/** @param {string} visitId @param {string} recordingId @param {Part} part */
function videoOf(visitId, recordingId, part) {
  const sources = part.tracks.map((track) => t(`source.${track.source}`)).join(', ');
  const source = `/api/visits/${visitId}/recordings/${recordingId}/${part.part}`;
  return el('video', { src: source, preload: 'metadata', playsinline: true, 'aria-label': sources, 'data-start': part.start_ms });
}

export class RecordingsPanel {
  #list = el('div', {});
  #visitId = '';
  #drawn = '';
  /** @type {Player|null} */
  #player = null;
  element = el('section', { class: 'panel recordings', 'aria-labelledby': 'recordings-title' }, el('h3', { id: 'recordings-title' }, t('recordings.title')), this.#list);

  constructor() {
    this.element.hidden = true;
  }

  /** Read again what there is. @param {string} visitId */
  async load(visitId) {
    this.#visitId = visitId;
    try {
      const { recordings } = await get(`/api/visits/${visitId}/recordings`);
      if (visitId === this.#visitId) this.#draw(recordings);
    } catch {
      this.element.hidden = true; // not this practitioner's visit
    }
  }

  /** A recording ended: its files are sealed in a moment. @param {string} visitId */
  loadSoon(visitId) {
    window.setTimeout(() => { if (this.element.isConnected) void this.load(visitId); }, AFTER_CALL_MS);
  }

  close() {
    this.#player?.close();
    this.#player = null;
  }

  /** @param {Recorded[]} recordings */
  #draw(recordings) {
    const drawn = JSON.stringify(recordings);
    this.element.hidden = recordings.length === 0;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.close();
    fill(this.#list, recordings.map((recorded) => this.#item(recorded)));
  }

  /** @param {Recorded} recorded */
  #item(recorded) {
    const place = el('div', {});
    const open = el('button', { type: 'button', disabled: recorded.parts.length === 0, on: { click: () => this.#open(recorded, place) } }, t('recordings.open'));
    const at = new Date(recorded.started_at).toLocaleString(document.documentElement.lang);
    const state = recorded.is_finished ? null : el('p', { class: 'notice warn' }, icon('warning'), el('span', {}, t('recordings.unfinished')));
    const gaps = missing(recorded).map((gap) => el('li', {}, t('recordings.gap', {
      since: clockText(gap.since_ms), until: clockText(gap.until_ms), what: t(`recordings.${gap.kind}`), why: t(`recordings.cause.${gap.cause}`),
    })));
    const shown = gaps.length ? el('details', {}, el('summary', {}, t('recordings.gaps', { count: gaps.length })), el('ul', {}, gaps)) : null;
    return el('article', { class: 'recorded' }, el('p', {}, `${at} · ${clockText(recorded.duration_ms)}`), state, shown, el('div', { class: 'actions' }, open), place);
  }

  /** @param {Recorded} recorded @param {HTMLElement} place */
  #open(recorded, place) {
    this.close();
    this.#player = new Player(this.#visitId, recorded);
    fill(place, this.#player.element);
    this.#player.toggle();
  }
}
