// @ts-check
/** Sends the form while it is filled in: one request at a time, the newest wins, nothing is lost when it fails. */

// Long enough not to send half a word, short enough that a red flag is answered while the person still looks.
const QUIET_MS = 700;
const RETRY_MS = 5_000;

/** @readonly */
export const Saving = Object.freeze({ CLEAN: 'clean', WAITING: 'waiting', SENDING: 'sending', SAVED: 'saved', FAILED: 'failed' });
/** @typedef {typeof Saving[keyof typeof Saving]} Saving */

export class Autosave {
  #timer = 0;
  #isSending = false;
  #isDirty = false;
  #send;
  #onState;

  /** @param {() => Promise<void>} send @param {(state: Saving) => void} onState @param {AbortSignal} signal stops it */
  constructor(send, onState, signal) {
    this.#send = send;
    this.#onState = onState;
    signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Something changed. */
  touch() {
    this.#isDirty = true;
    this.#onState(Saving.WAITING);
    this.#later(QUIET_MS);
  }

  /** Send now if there is anything to send. */
  async flush() {
    clearTimeout(this.#timer);
    if (this.#isSending || !this.#isDirty) return;
    this.#isSending = true;
    this.#isDirty = false;
    this.#onState(Saving.SENDING);
    try {
      await this.#send();
      this.#onState(this.#isDirty ? Saving.WAITING : Saving.SAVED);
    } catch {
      this.#isDirty = true;
      this.#onState(Saving.FAILED);
    } finally {
      this.#isSending = false;
      if (this.#isDirty) this.#later(RETRY_MS);
    }
  }

  /** @param {number} wait ms */
  #later(wait) {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.flush(), wait);
  }
}
