"""A folder watched for new pictures: each becomes a frame, in the order of arrival."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import AbsentError
from framewire.stages.capture.inputs.picture_source import Slot, StreamFacts
from framewire.stages.capture.inputs.pictures.image_files import UNREADABLE, natural_order, shown_name
from framewire.stages.capture.inputs.pictures.picture_file import is_image, read_picture

WHOLE_AFTER_S = 0.3
"""A file unchanged for this long is complete: pictures are written in one go, or moved here."""
MICROSECONDS = (1, 1_000_000)
DELETED = 3
"""watchfiles' code for a deletion."""
DEBOUNCE_MS, STEP_MS, LISTEN_MS = 200, 50, 5000
"""Changes are gathered while they come every STEP_MS, for at most DEBOUNCE_MS."""


class WatchedFolder:
    """The pictures already there, then new ones. A thread waits for the kernel to report changes.

    `seen` is a file with the names that became frames, so that a replacement worker gives the same ones the same
    numbers.
    """

    def __init__(self, folder: Path, seen: Path, resumed: bool, wake: Callable[[], None]) -> None:
        """Raises StageError, OSError."""
        if not folder.is_dir():
            raise AbsentError(f"{folder} is not a folder; `watch` needs one")
        self.facts = StreamFacts(f"{folder} (watched)", 0, 0, None)
        self._folder = folder
        self._wake = wake
        self._lock = threading.Lock()
        self._changed: dict[str, float] = {}
        self._stop = threading.Event()
        # Watch before listing: what comes in between is seen twice, but not missed.
        notify = _watcher(folder)
        self._before = seen.read_text().splitlines() if resumed and seen.exists() else []
        seen.parent.mkdir(parents=True, exist_ok=True)
        self._seen = seen.open("a" if resumed else "w")
        self._known = set(self._before)
        self._again: deque[str] = deque()
        here = sorted(
            (path for path in folder.iterdir() if _counts(path) and path.name not in self._known), key=natural_order
        )
        self._waiting: deque[str] = deque(path.name for path in here)
        self._known.update(self._waiting)
        self._thread = threading.Thread(target=self._watch, args=(notify,), name="folder", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether there is a picture to give."""
        self._look()
        return bool(self._again or self._waiting)

    @property
    def ready_at(self) -> float | None:
        """When a file just changed will count as complete; None if none has."""
        with self._lock:
            return min(self._changed.values()) + WHOLE_AFTER_S if self._changed else None

    def begin(self, start: int) -> None:
        """Begin with number `start`: what a dead worker gave from there on is given again."""
        self._again.extend(self._before[start:])

    def shots(self, slot: Slot) -> Iterator[Shot]:
        """Pictures without end. Advance it only when ready."""
        began = time.monotonic()
        while True:
            if self._again:
                yield self._shot(self._again.popleft(), slot, began)
                continue
            name = self._waiting.popleft()
            self._seen.write(name + "\n")
            self._seen.flush()
            yield self._shot(name, slot, began)

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(timeout=1.0)
        self._seen.close()

    def _shot(self, name: str, slot: Slot, began: float) -> Shot:
        path = self._folder / name
        picture = read_picture(path)
        since = round((time.monotonic() - began) * 1e6)
        if picture is None:
            return Shot(since, MICROSECONDS, failed=UNREADABLE, file=shown_name(path))
        slot(*picture.shape[:2])[...] = picture
        return Shot(since, MICROSECONDS, taken_ms=_written_ms(path), file=shown_name(path))

    def _look(self) -> None:
        """Files that have not changed for a while are complete."""
        now = time.monotonic()
        with self._lock:
            whole = [name for name, at in self._changed.items() if now >= at + WHOLE_AFTER_S]
            for name in whole:
                del self._changed[name]
            for name in sorted(whole, key=lambda name: natural_order(Path(name))):
                if name not in self._known:
                    self._known.add(name)
                    self._waiting.append(name)

    def _watch(self, notify: Any) -> None:
        with notify:
            while not self._stop.is_set():
                changes = notify.watch(DEBOUNCE_MS, STEP_MS, LISTEN_MS, self._stop)
                if isinstance(changes, set):
                    self._take(changes)
                    self._wake()

    def _take(self, changes: set[tuple[int, str]]) -> None:
        now = time.monotonic()
        with self._lock:
            for change, path in changes:
                name = Path(path).name
                if change == DELETED:
                    # Forget deleted files: a folder that is emptied behind us costs no memory.
                    self._changed.pop(name, None)
                    self._known.discard(name)
                elif _counts(Path(path)):
                    self._changed[name] = now


def _counts(path: Path) -> bool:
    """Whether it is a picture; a name with a leading dot is still being written."""
    return is_image(path) and not path.name.startswith(".")


def _watcher(folder: Path) -> Any:
    # Imported on demand: most pipelines watch no folder.
    from watchfiles._rust_notify import RustNotify

    return RustNotify([str(folder)], False, False, 0, False, False)


def _written_ms(path: Path) -> int | None:
    """When the file was written, in milliseconds since 1970: the same if it is read again after a crash."""
    try:
        return max(0, path.stat().st_mtime_ns // 1_000_000)
    except OSError:
        return None
