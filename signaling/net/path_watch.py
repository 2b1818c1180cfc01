"""How long a peer was silent when its packets took another path. Pure: times in, a change out."""

from dataclasses import dataclass, field

from signaling.media.reports import PathCause

FLOWS_AFTER_S = 0.5  # two looks: reports on media come every 75 ms, lone receiver reports once a second or more rarely
RESUMES_WITHIN_S = 10.0  # then nothing is measured: the people have hung up or stopped sending


@dataclass(slots=True)
class PathChange:
    """A selected path that is not the first."""

    cause: PathCause
    heard_at: float
    """Of the last authenticated packet before."""
    was_flowing: bool
    selected_at: float
    gap_s: float | None = None
    """Until the first authenticated packet after; None when nothing was flowing, or nothing came."""


@dataclass(slots=True)
class Flow:
    """Whether a peer's packets came without a break, looked at every quarter second: else a silence says nothing."""

    heard_at: float = 0.0
    began_at: float | None = None
    """Since when something came between every two looks; None while silent."""
    last_at: float = 0.0

    def observe(self, heard_at: float, now: float) -> None:
        """Look."""
        if heard_at == self.heard_at:
            self.began_at = None
        else:
            self.began_at = now if self.began_at is None else self.began_at
            self.last_at = heard_at if now - self.began_at >= FLOWS_AFTER_S else self.last_at
        self.heard_at = heard_at

    def was_flowing_at(self, heard_at: float) -> bool:
        """Tell whether the packets up to then came without a break."""
        return bool(self.last_at) and heard_at - self.last_at < FLOWS_AFTER_S


@dataclass(slots=True)
class PathWatch:
    """The changes of one link."""

    _flow: Flow = field(default_factory=Flow)
    _change: PathChange | None = None

    def observe(self, heard_at: float, now: float) -> None:
        """Look at the peer's last authenticated packet, every quarter second."""
        self._flow.observe(heard_at, now)

    def select(self, cause: PathCause, heard_at: float, now: float) -> None:
        """Another path is taken; while the link is on the move already that is one change, by its newest cause."""
        if self._change is not None:
            self._change.cause = cause
        else:
            self._change = PathChange(cause, heard_at, self._flow.was_flowing_at(heard_at), now)

    def resumed(self, heard_at: float, now: float) -> PathChange | None:
        """Return the change once the peer is heard again, or is not to be waited for; None before."""
        change = self._change
        if change is None:
            return None
        has_resumed = heard_at > change.heard_at
        if not has_resumed and change.was_flowing and now - change.selected_at < RESUMES_WITHIN_S:
            return None
        if has_resumed and change.was_flowing:
            change.gap_s = heard_at - change.heard_at
        self._change = None
        return change
