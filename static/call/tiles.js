// @ts-check
/** One tile for each picture: who it is, in which role, whether they are heard; any number of seats. */

import { el, fill, icon, setText } from '../elements.js';
import { t } from '../i18n/index.js';
import { Drawing } from './drawing.js';
import { isWeak, others, whyPaused } from './state.js';

/**
 * @typedef {import('./session.js').CallSession} CallSession
 * @typedef {ReturnType<typeof others>[number]} OtherSeat
 * @typedef {object} Tile @property {HTMLElement} element @property {HTMLVideoElement} video @property {HTMLElement} name
 * @property {HTMLElement} note @property {Drawing} drawing
 */

/** Sources of a seat that get a tile of their own beside the face. */
const EXTRA_SOURCES = Object.freeze(['screen', 'second_camera', 'device']);

// Another tab is looked at for a moment: that costs no key frame.
const HIDDEN_PATIENCE_MS = 2_000;

export class Tiles {
  element = el('div', { class: 'tiles', role: 'group', 'aria-label': t('call.people') });
  #grid = el('div', { class: 'grid' });
  #self = this.#newTile('self');
  #ownScreen = this.#newTile('own-screen');
  /** @type {MediaStreamTrack|undefined} */
  #marked;
  #captions = el('div', { class: 'captions', hidden: true });
  #sounds = el('div', { hidden: true });
  #tapToHear = el('button', { type: 'button', class: 'primary tap-to-hear', hidden: true, on: { click: () => this.#playAll() } }, icon('sound'), t('call.tap_to_hear'));
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Map<string, HTMLAudioElement>} */
  #audio = new Map();
  /** @type {CallSession|null} */
  #session = null;
  #sizes = new ResizeObserver(() => this.#tellSizes());
  #abort = new AbortController();
  #hideTimer = 0;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#visibilityChanged(), { signal: this.#abort.signal });
    this.#self.video.muted = true;
    this.element.append(this.#grid, this.#self.element, this.#captions, this.#tapToHear, this.#sounds);
  }

  /** @param {CallSession} session */
  update(session) {
    this.#session = session;
    const seats = others(session.state).filter((seat) => seat.role !== 'device' || seat.tracks.length);
    const pictures = seats.flatMap((seat) => this.#picturesOf(seat));
    this.#keepOnly(new Set(pictures.map(({ key }) => key)));
    for (const { key, seat, source } of pictures) this.#drawTile(key, seat, source, session);
    this.#grid.dataset.count = String(pictures.length);
    this.#drawSounds(session);
    this.#drawSelf(session);
    this.#drawOwnScreen(session);
  }

  /** @param {OtherSeat} seat @returns {{key: string, seat: OtherSeat, source: string}[]} */
  #picturesOf(seat) {
    const extra = seat.tracks.filter((track) => track.kind === 'video' && EXTRA_SOURCES.includes(track.source));
    const sources = extra.map((track) => track.source);
    const isDevice = seat.role === 'device' && sources.length > 0; // a device has no face
    return (isDevice ? sources : ['camera', ...sources]).map((source) => ({ key: `${seat.seat}/${source}`, seat, source }));
  }

  /** @param {Set<string>} keys */
  #keepOnly(keys) {
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      this.#sizes.unobserve(tile.element);
      tile.element.remove();
      this.#tiles.delete(key);
    }
  }

  /** @param {string} key @param {OtherSeat} seat @param {string} source @param {CallSession} session */
  #drawTile(key, seat, source, session) {
    let tile = this.#tiles.get(key);
    if (!tile) {
      tile = this.#newTile(key);
      this.#tiles.set(key, tile);
      this.#grid.append(tile.element);
      this.#sizes.observe(tile.element);
    }
    const isMuted = seat.muted.includes(source);
    const track = session.state.audioOnly || isMuted || whyPaused(session.state, key) ? undefined : session.media.get(key);
    showTrack(tile.video, track);
    tile.element.classList.toggle('has-picture', Boolean(track));
    tile.element.classList.toggle('speaks', session.state.speaker === seat.seat);
    tile.element.classList.toggle('gone', seat.presence !== 'present');
    setText(tile.name, [seat.display, t(source === 'camera' ? `role.${seat.role}` : `source.${source}`)].filter(Boolean).join(' · '));
    setText(tile.note, [noteOf(seat, session.state), whyPaused(session.state, key) === 'line' ? t('call.no_picture_line') : ''].filter(Boolean).join(' · '));
    drawOn(tile, key, session, { draws: Boolean(track) && session.isDrawing, points: Boolean(track) && session.isPointing });
  }

  /** @param {CallSession} session */
  #drawSelf(session) {
    const { camera, microphone } = session.state;
    const track = camera.on ? session.own.get('camera') : undefined;
    showTrack(this.#self.video, track);
    this.#self.element.classList.toggle('has-picture', Boolean(track));
    setText(this.#self.name, t('call.you'));
    const notes = [microphone.on ? '' : t('call.you_muted'), session.state.screen.on ? t('call.you_share') : '', session.state.second_camera.on ? t('call.you_show_more') : ''];
    setText(this.#self.note, notes.filter(Boolean).join(' · '));
    drawOn(this.#self, `${session.state.seat}/camera`, session, { draws: false, points: Boolean(track) && session.isPointing });
  }

  /** One's own screen is a tile from the first mark that somebody makes on it: not before, so that it shows itself no hall of mirrors. @param {CallSession} session */
  #drawOwnScreen(session) {
    const key = `${session.state.seat}/screen`;
    const screen = session.own.get('screen');
    const { strokes, pointers } = session.room.shared;
    if ([...strokes, ...pointers].some(({ on }) => on === key)) this.#marked = screen;
    const isShown = Boolean(screen) && this.#marked === screen;
    showTrack(this.#ownScreen.video, isShown ? screen : undefined);
    if (!isShown) return this.#ownScreen.element.remove();
    if (!this.#ownScreen.element.isConnected) this.#self.element.before(this.#ownScreen.element);
    this.#ownScreen.element.classList.add('has-picture');
    setText(this.#ownScreen.name, `${t('call.you')} · ${t('source.screen')}`);
    drawOn(this.#ownScreen, key, session, { draws: session.isDrawing, points: session.isPointing });
  }

  /** The relay sends each picture as large as its tile is, and none to a page that nobody looks at. */
  #tellSizes() {
    const isSeen = document.visibilityState === 'visible';
    for (const [key, tile] of this.#tiles) this.#session?.showAt(key, isSeen ? tile.element.clientHeight * devicePixelRatio : 0);
  }

  #visibilityChanged() {
    clearTimeout(this.#hideTimer);
    if (document.visibilityState === 'visible') this.#tellSizes();
    else this.#hideTimer = window.setTimeout(() => this.#tellSizes(), HIDDEN_PATIENCE_MS);
  }

  /** @param {CallSession} session */
  #drawSounds(session) {
    const wanted = new Map([...session.media].filter(([, track]) => track.kind === 'audio'));
    for (const [key, audio] of this.#audio) if (!wanted.has(key)) { audio.remove(); this.#audio.delete(key); }
    for (const [key, track] of wanted) {
      const audio = this.#audio.get(key) ?? this.#newAudio(key);
      if (showTrack(audio, track)) void this.#play(audio);
    }
  }

  /** @param {string} key */
  #newAudio(key) {
    const audio = el('audio', { autoplay: true });
    this.#audio.set(key, audio);
    this.#sounds.append(audio);
    return audio;
  }

  /** Some browsers make no sound before a tap: then there is one large button. @param {HTMLMediaElement} media */
  async #play(media) {
    try {
      await media.play();
      this.#tapToHear.hidden = true;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#tapToHear.hidden = false;
    }
  }

  #playAll() {
    for (const audio of this.#audio.values()) void this.#play(audio);
  }

  /** @param {string} key @returns {Tile} */
  #newTile(key) {
    const video = el('video', { autoplay: true, playsinline: true, 'aria-hidden': 'true' });
    video.muted = true; // sound comes from the audio elements
    const name = el('span', { class: 'name' });
    const note = el('span', { class: 'note' });
    const element = el('figure', { class: key === 'self' ? 'tile self' : 'tile', 'data-key': key },
      el('div', { class: 'avatar', 'aria-hidden': 'true' }, icon('person')), video, el('figcaption', {}, name, note));
    const drawing = new Drawing(video);
    video.after(drawing.element);
    return { element, video, name, note, drawing };
  }

  /** End all pictures. */
  close() {
    this.#abort.abort();
    clearTimeout(this.#hideTimer);
    this.#keepOnly(new Set());
    fill(this.#sounds);
  }
}

/** @param {Tile} tile @param {string} key @param {CallSession} session @param {{draws: boolean, points: boolean}} may */
function drawOn(tile, key, session, { draws, points }) {
  const { strokes, pointers } = session.room.shared;
  const draw = (/** @type {number[]} */ line) => session.room.send('stroke', { on: key, color: 0, points: line });
  const point = (/** @type {[number, number]} */ [x, y]) => session.room.point({ on: key, x, y });
  const here = (/** @type {{on: string}} */ { on }) => on === key;
  tile.drawing.update({ strokes: strokes.filter(here), pointers: pointers.filter(here) }, { draw: draws ? draw : null, point: points ? point : null });
}

/** @param {OtherSeat} seat @param {import('./state.js').CallState} state */
function noteOf(seat, state) {
  if (seat.presence !== 'present') return t(`presence.${seat.presence}`);
  const stopped = (state.stopped[seat.seat] ?? []).filter((source) => !seat.muted.includes(source));
  const notes = [
    seat.muted.includes('microphone') ? t('call.muted') : '', seat.muted.includes('camera') ? t('call.camera_is_off') : '',
    stopped.includes('microphone') ? t('call.no_sound') : '', stopped.includes('camera') ? t('call.no_picture') : '',
    isWeak(state, seat.seat) ? t('call.weak_line') : '',
  ];
  return notes.filter(Boolean).join(' · ');
}

/** Attach only on change: a new stream object would make the picture flicker. @param {HTMLMediaElement} media @param {MediaStreamTrack|undefined} track @returns {boolean} changed */
function showTrack(media, track) {
  const current = media.srcObject instanceof MediaStream ? media.srcObject.getTracks()[0] : undefined;
  if (current === track) return false;
  media.srcObject = track ? new MediaStream([track]) : null;
  return Boolean(track);
}
