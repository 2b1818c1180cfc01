// @ts-check
/** How loud a microphone is, ten times a second, and a short tone for the loudspeaker test and the ring. */

const INTERVAL_MS = 100;

/** Level 0..1 from samples: root mean square on a scale where quiet speech is already visible. Pure. @param {Float32Array} samples */
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 20 * Math.log10(Math.sqrt(sum / samples.length) + 1e-7);
  return Math.min(1, Math.max(0, (decibels + 60) / 50)); // -60 dBFS is a silent room, -10 dBFS a loud voice
}

/**
 * @param {MediaStreamTrack} track @param {(level: number) => void} onLevel @param {AbortSignal} signal stops it
 */
export function watchLevel(track, onLevel, signal) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => { analyser.getFloatTimeDomainData(samples); onLevel(levelOf(samples)); }, INTERVAL_MS);
  signal.addEventListener('abort', () => { clearInterval(timer); void context.close(); }, { once: true });
}

/** Two soft notes, 0.9 s. Resolves when it has sounded; false when the browser forbids sound before a tap. @returns {Promise<boolean>} */
export async function chime() {
  const context = new AudioContext();
  if (context.state === 'suspended') await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 300))]);
  if (context.state !== 'running') { void context.close(); return false; }
  for (const [index, frequency] of [660, 880].entries()) note(context, frequency, context.currentTime + index * 0.4);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  void context.close();
  return true;
}

/** @param {AudioContext} context @param {number} frequency Hz @param {number} at seconds */
function note(context, frequency, at) {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.25, at + 0.03);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.55);
}
