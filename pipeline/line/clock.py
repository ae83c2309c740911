"""Monotonic times of one machine, told by the clock of another."""

import math

import msgspec

from framewire.pipeline.wire.message import Connect, Message, Report, Spans, StreamOpened

HALF = 0.5


class ClockOffset:
    """How far another machine's monotonic clock is ahead of ours, from questions and answers.

    The answer with the shortest round trip is the best (Cristian, 1989): its error is at most half of that.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._round_trip = math.inf

    def answered(self, asked: float, other: float, now: float) -> None:
        """Asked at `asked` of our clock, they said `other` by theirs, and we heard it `now`."""
        if now - asked <= self._round_trip:
            self._round_trip = now - asked
            self.seconds = other - (asked + now) * HALF


def told_by(message: Message, ahead: float) -> Message:
    """A worker's message with its times by a clock that is `ahead` of its own by so many seconds."""
    match message:
        case StreamOpened(began=float() as began):
            return msgspec.structs.replace(message, began=began + ahead)
        case Report():
            for figures in message.figures.stages.values():
                if figures.cannot_write_since is not None:
                    figures.cannot_write_since += ahead
            return message
        case Spans():
            spans = [
                msgspec.structs.replace(
                    span, sent=span.sent + ahead, started=span.started + ahead, done=span.done + ahead
                )
                for span in message.spans
            ]
            return msgspec.structs.replace(message, spans=spans)
        case Connect():
            streams = [
                msgspec.structs.replace(state, began=state.began + ahead) if state.began is not None else state
                for state in message.streams
            ]
            return msgspec.structs.replace(message, streams=streams)
        case _:
            return message
