// @ts-check
/** Camera and microphone: asking for them, and naming what is wrong together with the fix. */

export const DeviceProblem = Object.freeze({
  DENIED: 'denied', SYSTEM_DENIED: 'system-denied', NONE: 'none', BUSY: 'busy', INSECURE: 'insecure', UNSUPPORTED: 'unsupported', UNKNOWN: 'unknown',
});
/** @typedef {typeof DeviceProblem[keyof typeof DeviceProblem]} DeviceProblem */
export const Browser = Object.freeze({
  WECHAT: 'wechat', SAFARI_IOS: 'safari-ios', SAFARI: 'safari', FIREFOX: 'firefox', EDGE: 'edge', CHROME_ANDROID: 'chrome-android', CHROME: 'chrome', OTHER: 'other',
});
/** @typedef {typeof Browser[keyof typeof Browser]} Browser */

/** First match wins: Chrome's string also says Safari, Edge's also says Chrome. @type {readonly [RegExp, Browser][]} */
const BROWSERS = Object.freeze([
  [/MicroMessenger/, Browser.WECHAT],
  [/iPhone|iPad|iPod/, Browser.SAFARI_IOS],
  [/Firefox\//, Browser.FIREFOX],
  [/Edg\//, Browser.EDGE],
  [/Android.*Chrome\//, Browser.CHROME_ANDROID],
  [/Chrome\//, Browser.CHROME],
  [/Safari\//, Browser.SAFARI],
]);

/** Pure. @param {string} userAgent @returns {Browser} */
export function browserOf(userAgent) {
  return BROWSERS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? Browser.OTHER;
}

/** Pure. DOMException of getUserMedia (W3C Media Capture §10.2) -> problem. @param {{name?: string, message?: string}} error @returns {DeviceProblem} */
export function problemOf(error) {
  switch (error.name) {
    case 'NotAllowedError': return /system/i.test(error.message ?? '') ? DeviceProblem.SYSTEM_DENIED : DeviceProblem.DENIED;
    case 'SecurityError': return DeviceProblem.INSECURE;
    case 'NotFoundError': case 'OverconstrainedError': return DeviceProblem.NONE;
    case 'NotReadableError': case 'AbortError': return DeviceProblem.BUSY;
    case 'TypeError': return DeviceProblem.UNSUPPORTED;
    default: return DeviceProblem.UNKNOWN;
  }
}

/** The i18n keys that tell what to do. Pure. @param {DeviceProblem} problem @param {Browser} browser @returns {string[]} */
export function adviceFor(problem, browser) {
  if (problem === DeviceProblem.DENIED) return ['device.denied', `device.fix.${browser}`];
  return [`device.${problem}`];
}

// 640x360 at 24/s is what two faces need and what an old phone can encode (consultation.md §11: 350 kbit/s a way).
const VIDEO = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24, max: 30 }, facingMode: 'user' };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * @typedef {object} OpenedDevice
 * @property {MediaStreamTrack|null} track @property {DeviceProblem|null} problem
 */

/** A screen, a window or a tab, as the person chooses in the browser's own dialogue; cancelling is no problem. @returns {Promise<OpenedDevice>} */
export async function openScreen() {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } } });
    const [track] = stream.getVideoTracks();
    track.contentHint = 'detail'; // text stays sharp; movement may stutter
    return { track, problem: null };
  } catch (error) {
    const { name } = /** @type {DOMException} */ (error);
    return { track: null, problem: name === 'NotAllowedError' || name === 'AbortError' ? null : problemOf(/** @type {DOMException} */ (error)) };
  }
}

/** Whether this browser can share a screen: phones can not. */
export const canShareScreen = () => Boolean(navigator.mediaDevices?.getDisplayMedia) && !matchMedia('(pointer: coarse)').matches;

/** Another camera than the one in use. @param {MediaStreamTrack|undefined} used @returns {Promise<OpenedDevice>} */
export async function openSecondCamera(used) {
  const taken = used?.getSettings().deviceId;
  const other = (await cameras()).find((camera) => camera.deviceId !== taken);
  if (!other) return { track: null, problem: DeviceProblem.NONE };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { deviceId: { exact: other.deviceId }, width: { ideal: 1280 }, height: { ideal: 720 } } });
    return { track: stream.getVideoTracks()[0], problem: null };
  } catch (error) {
    return { track: null, problem: problemOf(/** @type {DOMException} */ (error)) };
  }
}

/** @returns {Promise<MediaDeviceInfo[]>} */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === 'videoinput');
}

/** One device. Each is asked for by itself: a missing camera must not cost the microphone. @param {'microphone'|'camera'} source @returns {Promise<OpenedDevice>} */
export async function openDevice(source) {
  if (!navigator.mediaDevices?.getUserMedia) {
    return { track: null, problem: window.isSecureContext ? DeviceProblem.UNSUPPORTED : DeviceProblem.INSECURE };
  }
  try {
    const wish = source === 'microphone' ? { audio: AUDIO } : { video: VIDEO };
    const stream = await navigator.mediaDevices.getUserMedia(wish);
    return { track: stream.getTracks()[0], problem: null };
  } catch (error) {
    return { track: null, problem: problemOf(/** @type {DOMException} */ (error)) };
  }
}
