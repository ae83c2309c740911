"""Delivery: what waits in a spool goes to its place, in order, for as long as that takes."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from framewire.pipeline.privacy.address import HIDDEN, shown, without_secrets
from framewire.pipeline.stage import StageError
from framewire.stages.publish.options import Publishing
from framewire.stages.publish.places.place import NotNowError, Place, words_of
from framewire.stages.publish.refused_file import SUFFIX as REFUSED
from framewire.stages.publish.refused_file import RefusedFile
from framewire.stages.publish.spool import Spool, Waiting

PAUSES_S = (0.5, 1.0, 2.0, 5.0)
"""Until a place that takes nothing is tried again; the last one from then on."""
TOLD_MAX = 10
"""Refused messages that the log names; the file has all."""


class Delivery:
    """Sends from one thread of its own; nobody else waits for the place.

    Example:
        delivery = Delivery(spool, lambda: Mqtt(options), RefusedFile(path), log, told=lambda: None)
        delivery.start()
        delivery.more()             # a message was put into the spool
        delivery.flush(10.0)        # True if all were delivered within ten seconds
        delivery.stop(1.0)
    """

    def __init__(
        self,
        spool: Spool,
        make: Callable[[], Place],
        refused: RefusedFile,
        log: logging.Logger,
        told: Callable[[], None],
        name: str = "the place",
        secrets: Iterable[str] = (),
    ) -> None:
        """`told` is called, from the thread, when the account has changed. `name` is shown, `secrets` never are."""
        self.down_since: float | None = None
        """Unix time since when the place has not accepted messages; None if it does."""
        self.trouble = ""
        """Why it does not."""
        self._spool = spool
        self._make = make
        self._refused = refused
        self._log = log
        self._told = told
        self._name = name
        self._place: Place | None = None
        self._lost = ""
        self._batch_max, self._linger_s = 1, 0.0
        self._changed = threading.Condition()
        self._stopping = self._flushing = False
        self.delivered = self.refused = 0
        """Messages since the start of this delivery."""
        self._secrets = [secret for secret in secrets if secret]
        self._tries = self._named = 0
        self._again_at = 0.0
        self._lingers_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """Connect, and send what waits."""
        self._thread.start()

    def more(self) -> None:
        """There is a new message."""
        if self._again_at > time.monotonic():
            # It will be seen at the next try: nobody is woken for nothing.
            return
        with self._changed:
            self._changed.notify_all()

    def flush(self, within_s: float) -> bool:
        """Wait until nothing waits; returns whether that is so."""
        until = time.monotonic() + within_s
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            while self._spool.waiting and self._thread.is_alive():
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
        return self._spool.waiting == 0

    def stop(self, within_s: float) -> None:
        """Send nothing more. A call of the place that does not come back in time is left alone."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        # At once, though nothing waits: who subscribes sees that we are there, and who watches that we are not.
        self._connect()
        while True:
            with self._changed:
                while not self._stopping and (pause := self._pause_s()) != 0:
                    self._changed.notify_all()
                    self._changed.wait(pause)
                if self._stopping:
                    break
            self._send_some()
        self._disconnect()

    def _pause_s(self) -> float | None:
        """How long there is nothing to do; None: until somebody tells."""
        now = time.monotonic()
        if self._again_at > now:
            return self._again_at - now
        if self._place is None or self._lost:
            return 0
        if not self._spool.waiting:
            return None
        if self._flushing or self._spool.has_batch(self._batch_max) or not self._linger_s:
            return 0
        if self._lingers_since is None:
            self._lingers_since = now
        return max(0.0, self._lingers_since + self._linger_s - now)

    def _send_some(self) -> None:
        """Send a batch; whatever goes wrong, the place is down, and the thread goes on."""
        try:
            if self._lost:
                self._is_down(NotNowError(self._lost))
            elif self._place is not None or self._connect():
                self._send_batch()
        except BaseException as error:
            if not self._stopping:
                # Else the spool may be closed: nobody waits for us any more.
                self._is_down(error)
        finally:
            self._spool.hand_back()
        self._tell()

    def _send_batch(self) -> None:
        assert self._place is not None
        self._lingers_since = None
        batch = self._spool.first(self._batch_max)
        if not batch:
            return
        try:
            refused = _checked(self._place.send([one.message for one in batch]), len(batch))
        except NotNowError as error:
            count = _checked_count(error.delivered, len(batch))
            self._settle(batch[:count], _checked(error.refused, count))
            self._is_down(error, _checked_seconds(error.after_s))
            return
        self._is_up()
        self._settle(batch, refused)

    def _tell(self) -> None:
        try:
            self._told()
        except (OSError, StageError) as error:
            # The account is told again with the next message.
            self._log.debug("%s", error)

    def _settle(self, batch: list[Waiting], refused: Mapping[int, str]) -> None:
        for number, why in sorted(refused.items()):
            self._keep(batch[number], self._plain(why))
        self._spool.settle(batch, refused)
        self.delivered += len(batch) - len(refused)
        self.refused += len(refused)

    def _plain(self, text: str) -> str:
        """A text of somebody else's, without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return without_secrets(text)

    def _keep(self, one: Waiting, why: str) -> None:
        self._refused.add(one.message, why)
        self._named += 1
        if self._named <= TOLD_MAX:
            last = "; further ones are not logged" if self._named == TOLD_MAX else ""
            where = f"frame {one.message.seq} of {one.message.stream}"
            self._log.warning("%s refused %s: %s; it is kept in %s%s", self._name, where, why, self._refused.path, last)

    def _connect(self) -> bool:
        try:
            place = self._place = self._make()
            place.lost = partial(self._is_lost, place)
            place.open()
        except BaseException as error:
            self._is_down(error)
            self._tell()
            return False
        self._batch_max, self._linger_s = place.batch_max, place.linger_s
        if not self._spool.waiting:
            self._is_up()
            self._tell()
        return True

    def _is_lost(self, place: Place, why: str) -> None:
        """From any thread: the connection of this place is gone."""
        with self._changed:
            if place is self._place:
                self._lost = why or "the connection is gone"
                self._changed.notify_all()

    def _disconnect(self) -> None:
        place, self._place = self._place, None
        self._lost = ""
        if place is not None:
            try:
                place.close()
            except Exception as error:
                self._log.debug("closing: %s", error)

    def _is_up(self) -> None:
        if self.down_since is not None:
            self._log.warning("%s accepts messages again, after %.1f s", self._name, time.time() - self.down_since)
        self.down_since, self.trouble = None, ""
        self._tries, self._again_at = 0, 0.0

    def _is_down(self, error: BaseException, after_s: float = 0.0) -> None:
        self._disconnect()
        # What has failed has waited long enough.
        self._lingers_since = -math.inf
        self.trouble = self._plain(_words_of(error))
        if self.down_since is None:
            self.down_since = time.time()
            self._log.warning(
                "%s does not accept messages (%s); they wait in %s, and delivery is retried",
                self._name,
                self.trouble,
                self._spool.path,
            )
        pause = PAUSES_S[min(self._tries, len(PAUSES_S) - 1)]
        self._tries += 1
        self._again_at = time.monotonic() + max(pause, after_s)


def delivery_of(made: Publishing, spool: Spool, told: Callable[[], None]) -> Delivery:
    """The delivery of what waits in a spool as the options say; what is refused goes to OUT/STAGE.refused.jsonl."""
    options = made.options
    refused = RefusedFile(Path(options.out, f"{options.stage}{REFUSED}"))
    return Delivery(spool, made.make, refused, options.log, told, shown(options.to), made.secrets)


def _checked(refused: object, count: int) -> dict[int, str]:
    """What a place's `send` has returned. Raises TypeError."""
    if refused is None:
        return {}
    if isinstance(refused, Mapping) and all(
        type(number) is int and 0 <= number < count and isinstance(why, str) for number, why in refused.items()
    ):
        return dict(refused)
    raise TypeError(f"send must return {{number: reason}} of messages that are refused, or None, not {refused!r:.80}")


def _checked_count(delivered: object, count: int) -> int:
    if type(delivered) is int and 0 <= delivered <= count:
        return delivered
    raise TypeError(f"NotNowError: delivered must be 0 to {count}, not {delivered!r:.80}")


def _checked_seconds(after_s: object) -> float:
    if isinstance(after_s, int | float) and math.isfinite(after_s):
        return float(after_s)
    raise TypeError(f"NotNowError: after_s must be a number of seconds, not {after_s!r:.80}")


def _words_of(error: BaseException) -> str:
    if isinstance(error, NotNowError | StageError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return words_of(error)
