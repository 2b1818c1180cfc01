// signaling/README.md "End-to-end encryption": only codecs whose packets do not look into the frame are named to the relay.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withoutFramingCodecs } from '../../../static/call/encryption.js';

const SDP = [
  'v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9', 'a=mid:0', 'a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc',
  'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111', 'a=rtpmap:9 G722/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 103 104 96 97', 'a=mid:1', 'a=rtpmap:103 H264/90000', 'a=rtpmap:104 rtx/90000', 'a=fmtp:104 apt=103',
  'a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 nack pli', 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'a=mid:2', '',
].join('\r\n');

describe('descriptions of an encrypted call', () => {
  const lines = withoutFramingCodecs(SDP).split('\r\n');
  it('name Opus without RED', () => assert.ok(lines.includes('m=audio 9 UDP/TLS/RTP/SAVPF 111')));
  it('name VP8 and its repair', () => assert.ok(lines.includes('m=video 9 UDP/TLS/RTP/SAVPF 96 97')));
  it('say nothing of the others', () => assert.deepEqual(lines.filter((line) => /:(63|9|103|104) /.test(line)), []));
  it('keep what belongs to those that stay', () => assert.deepEqual(lines.filter((line) => /:(111|96|97) /.test(line)).length, 6));
  it('leave data channels alone', () => assert.ok(lines.includes('m=application 9 UDP/DTLS/SCTP webrtc-datachannel')));
});
