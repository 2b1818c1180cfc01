// A seat in Node on libwebrtc (@roamhq/wrtc): one JSON command a line in, one JSON answer a line out.
import { createInterface } from 'node:readline';
import wrtc from '@roamhq/wrtc';

const { RTCPeerConnection, MediaStream, nonstandard: { RTCAudioSource, RTCVideoSource, RTCAudioSink, RTCVideoSink } } = wrtc;
const WIDTH = 320, HEIGHT = 240, RATE = 48_000;
const up = new RTCPeerConnection();
const down = new RTCPeerConnection();
const heard = { frames: 0, width: 0, loud: 0, sounds: 0 };
const timers = [];
const sinks = [];

/** A grey that changes with each frame, and a tone of 440 Hz. */
function startSources() {
  const picture = new RTCVideoSource(), sound = new RTCAudioSource();
  let frame = 0, sample = 0;
  timers.push(setInterval(() => {
    const data = new Uint8ClampedArray(WIDTH * HEIGHT * 1.5).fill(128);
    data.fill((frame++ * 8) % 256, 0, WIDTH * HEIGHT);
    picture.onFrame({ width: WIDTH, height: HEIGHT, data });
  }, 50));
  timers.push(setInterval(() => {
    const samples = Int16Array.from({ length: RATE / 100 }, () => 8000 * Math.sin(2 * Math.PI * 440 * sample++ / RATE));
    sound.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: RATE / 100 });
  }, 10));
  const stream = new MediaStream();
  for (const source of [sound, picture]) up.addTransceiver(source.createTrack(), { direction: 'sendonly', streams: [stream] });
}

down.ontrack = ({ track }) => {
  if (track.kind === 'video') {
    const sink = new RTCVideoSink(track);
    sink.onframe = ({ frame }) => { heard.frames += 1; heard.width = frame.width; };
    sinks.push(sink);
  } else {
    const sink = new RTCAudioSink(track);
    sink.ondata = ({ samples }) => {
      heard.sounds += 1;
      if (samples.some((value) => Math.abs(value) > 1000)) heard.loud += 1;
    };
    sinks.push(sink);
  }
};

const COMMANDS = {
  async offer({ iceRestart = false }) {
    if (!timers.length) startSources();
    await up.setLocalDescription(await up.createOffer({ iceRestart }));
    return up.localDescription.sdp;
  },
  async takeAnswer({ sdp }) { await up.setRemoteDescription({ type: 'answer', sdp }); },
  async answer({ sdp }) {
    await down.setRemoteDescription({ type: 'offer', sdp });
    await down.setLocalDescription(await down.createAnswer());
    return down.localDescription.sdp;
  },
  async heard() { return heard; },
  async end() { for (const timer of timers) clearInterval(timer); for (const sink of sinks) sink.stop(); up.close(); down.close(); },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { name, ...details } = JSON.parse(line);
  const answer = await COMMANDS[name](details).then((value) => ({ value: value ?? null }), (error) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0); // libwebrtc's threads would keep Node
