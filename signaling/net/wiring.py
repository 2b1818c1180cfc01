"""How a layer reaches a subscriber: outputs of the packet plane, and the change from one layer to another."""

from signaling.media import codecs
from signaling.media.dscp import dscp
from signaling.media.negotiation import Sent
from signaling.net.native_plane import NativePlane
from signaling.net.plane import Plane
from signaling.net.publication import Layer, Subscription
from signaling.net.records import Output, OutputTerms, Peer, Stream

# Encrypted end to end, a key frame does not look like one.
NO_KEYFRAME_S = 3.0


class Wiring:
    """The outputs of one room."""

    def __init__(self, plane: Plane | NativePlane) -> None:
        self._plane: Plane = plane  # type: ignore[assignment]  # both have one interface; the Python one names it

    def connect(self, peer: Peer, subscription: Subscription, stream: Stream) -> None:
        """Send this stream to the subscriber, going on with the numbers of what it got before."""
        old = subscription.output
        output = self._plane.table.add_output(stream, peer, terms_of(subscription.sent))
        if old is not None:
            output.follow(old)
            self._plane.table.remove(old)
        subscription.output = output
        output.is_on = subscription.is_wanted

    def follow_wish(self, subscription: Subscription, now: float) -> bool:
        """
        Let the outputs send, or not, as subscriber and ladder say; return whether a picture was resumed.

        A resumed one begins with a key frame, which the caller asks for: what comes before could not be decoded.
        """
        output, wanted = subscription.output, subscription.is_wanted
        resumed = wanted and output is not None and not output.is_on and subscription.sent.outgoing.kind == "video"
        for each in (output, subscription.waiting):
            if each is not None:
                each.is_on = wanted
        if resumed and output is not None:
            subscription.resumed_at = now
            self._plane.start_at_keyframe(output, None)
        return resumed

    def hurry(self, subscription: Subscription, now: float) -> None:
        """Let a resumed picture go on without the key frame that does not come, or can not be told in its packets."""
        output = subscription.output
        if output is not None and output.waits and now - subscription.resumed_at > NO_KEYFRAME_S:
            output.waits = False

    def switch(self, peer: Peer, subscription: Subscription, layer: Layer) -> bool:
        """Let a subscriber have another layer from that one's next key frame on; False when it has it already."""
        current = subscription.waiting or subscription.output
        if current is not None and current.stream is layer.stream:
            return False
        self.settle(subscription)
        if subscription.waiting is not None:
            self._plane.table.remove(subscription.waiting)
            subscription.waiting = None
        if subscription.output is not None and subscription.output.stream is layer.stream:
            return False
        output: Output = self._plane.table.add_output(layer.stream, peer, terms_of(subscription.sent))
        self._plane.start_at_keyframe(output, subscription.output)
        subscription.waiting = output
        output.is_on = subscription.is_wanted
        return True

    def settle(self, subscription: Subscription) -> None:
        """When the waiting layer has begun, end the one before it."""
        waiting = subscription.waiting
        if waiting is None or waiting.waits:
            return
        if subscription.output is not None:
            self._plane.table.remove(subscription.output)
        subscription.output, subscription.waiting = waiting, None

    def disconnect(self, subscription: Subscription) -> None:
        """Send the subscriber nothing more of this track."""
        for output in (subscription.waiting, subscription.output):
            if output is not None:
                self._plane.table.remove(output)
        subscription.output = subscription.waiting = None


def terms_of(sent: Sent) -> OutputTerms:
    """Return a subscriber's numbers as the packet plane takes them."""
    chosen = sent.format
    rtx = sent.outgoing.rtx_ssrc if chosen.rtx is not None else 0
    ids = dict(sent.extensions)
    if not sent.has_transport_cc:
        ids.pop(codecs.TRANSPORT_CC, None)
    numbers = (sent.outgoing.ssrc, chosen.payload_type, rtx, chosen.rtx or 0)
    mark = dscp(sent.outgoing.kind, sent.outgoing.source)
    return OutputTerms(*numbers, sent.mid, ids, chosen.red or 0, mark)
