"""ByteTrack (Zhang et al., 2022): every box counts, doubtful ones for tracks left without a sure one."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.packet import Detection
from framewire.stages.track.association import overlaps, pairs
from framewire.stages.track.likeness import Likeness
from framewire.stages.track.motion import Box, Motion

SURE_OVERLAP, DOUBTFUL_OVERLAP, NEW_OVERLAP = 0.2, 0.5, 0.3
"""Minimum IoU of a track with a sure box, with a doubtful one, and of a track seen only once: ByteTrack's own."""


class TrackRules(Struct, frozen=True):
    """`high`: score from which a box is sure; below `low` it is ignored.

    `gap`: frames a track may be out of sight; `confirm`: boxes needed per track.
    """

    high: float
    low: float
    gap: int
    confirm: int


class Followed(Struct):
    """One track. `unseen` counts frames since a detector saw it, searched or not; `missed` those that were searched."""

    id: int
    motion: Motion
    last: Detection
    likeness: Likeness | None = None
    hits: int = 1
    unseen: int = 0
    missed: int = 0

    @property
    def box(self) -> Box:
        """The estimated box."""
        return self.motion.box


class TrackerState(Struct):
    """The state of one stream."""

    tracks: list[Followed] = []
    next_id: int = 1
    last_step: int = -1


class Tracker:
    """Follows the boxes of one label in one stream. Frames must come in order."""

    def __init__(self, rules: TrackRules, state: TrackerState | None = None) -> None:
        self._rules = rules
        self.state = state or TrackerState()

    def search(self, steps: int, found: Sequence[Detection]) -> list[Detection]:
        """A frame that a detector searched, `steps` frames after the last: the detections with their tracks."""
        self._step(steps)
        sure = [one for one in found if _score(one) >= self._rules.high]
        doubtful = [one for one in found if self._rules.low <= _score(one) < self._rules.high]
        known = [track for track in self.state.tracks if track.hits >= self._rules.confirm]
        fresh = [track for track in self.state.tracks if track.hits < self._rules.confirm]
        matched: dict[int, Followed] = {}
        left_tracks, left_sure = self._match(known, sure, SURE_OVERLAP, matched)
        in_sight = [track for track in left_tracks if not track.missed]
        self._match(in_sight, doubtful, DOUBTFUL_OVERLAP, matched)
        _, left_sure = self._match(fresh, left_sure, NEW_OVERLAP, matched)
        seen = {id(track) for track in matched.values()}
        for track in self.state.tracks:
            track.missed += id(track) not in seen
        for one in left_sure:
            track = Followed(0, Motion.of(one.box), one)
            self.state.tracks.append(track)
            matched[id(one)] = track
        self._forget()
        return [self._told(one, matched.get(id(one))) for one in found]

    def follow(self, steps: int, look: Callable[[Followed], Box | None]) -> list[Detection]:
        """A frame that no detector searched: the last search's faces at estimated places.

        `look` finds a track's box near its estimated place, or gives None if it cannot.
        """
        self._step(steps)
        self._forget()
        in_sight = [track for track in self.state.tracks if not track.missed]
        for track in in_sight:
            box = look(track)
            if box is not None:
                track.motion.see(box)
        return [_moved(track) for track in in_sight]

    def _step(self, steps: int) -> None:
        for track in self.state.tracks:
            for _ in range(min(steps, self._rules.gap + 1)):
                if track.missed:
                    track.motion.stand_still()
                track.motion.step()
            track.unseen += steps

    def _match(
        self, tracks: list[Followed], found: list[Detection], least: float, matched: dict[int, Followed]
    ) -> tuple[list[Followed], list[Detection]]:
        """Match tracks with boxes; returns the unmatched of both."""
        likeness = overlaps([track.box for track in tracks], [one.box for one in found])
        rows, columns = set(), set()
        for row, column in pairs(likeness, least):
            self._seen(tracks[row], found[column])
            matched[id(found[column])] = tracks[row]
            rows.add(row)
            columns.add(column)
        return (
            [track for number, track in enumerate(tracks) if number not in rows],
            [one for number, one in enumerate(found) if number not in columns],
        )

    def _seen(self, track: Followed, one: Detection) -> None:
        track.motion.see(one.box)
        track.last, track.unseen, track.missed = one, 0, 0
        track.hits += 1

    def _forget(self) -> None:
        """Drop tracks out of sight for too long, and those seen once and never again."""
        self.state.tracks = [
            track
            for track in self.state.tracks
            if track.unseen <= self._rules.gap and (track.hits >= self._rules.confirm or not track.missed)
        ]

    def _told(self, one: Detection, track: Followed | None) -> Detection:
        if track is None or track.hits < self._rules.confirm:
            return one
        if not track.id:
            track.id = self.state.next_id
            self.state.next_id += 1
        return msgspec.structs.replace(one, track=track.id)


def _score(one: Detection) -> float:
    return 1.0 if one.score is None else one.score


def _moved(track: Followed) -> Detection:
    """The track's last detection at its estimated place; its landmarks move along."""
    before, now = track.last.box, track.box
    across, down = now[2] / max(before[2], 1e-6), now[3] / max(before[3], 1e-6)
    landmarks = tuple(
        (now[0] + (x - before[0]) * across, now[1] + (y - before[1]) * down) for x, y in track.last.landmarks
    )
    return msgspec.structs.replace(track.last, box=now, landmarks=landmarks, id="", track=track.id or None)
