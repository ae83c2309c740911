"""Entry point of a porter's process: from the supervisor's boot to a running Porter."""

import logging
import os
import traceback

import zmq
from msgspec import Struct
from setproctitle import setproctitle

from framewire.pipeline.link.codec import CodecMissingError
from framewire.pipeline.link.link_socket import LinkBoot, LinkLostError
from framewire.pipeline.link.porter import Porter
from framewire.pipeline.link.seal import SealMissingError
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.wire.inbox import Inbox, Outbox, Outboxes, new_endpoint
from framewire.pipeline.wire.message import Closed, LinkAt, Ready
from framewire.pipeline.worker.allocator import keep_freed_memory
from framewire.pipeline.worker.process import LAST_WORDS_MS, REPLACE
from framewire.pipeline.worker.teller import RemarkHandler, Teller


class PorterBoot(Struct, frozen=True, tag=True):
    """What a porter gets at its start."""

    pipeline: str
    worker: str
    incarnation: int
    supervisor: str
    link: LinkBoot


def run_porter(boot: PorterBoot) -> int:
    """Run a porter; returns the exit status: 0 after Exit, REPLACE if the link is lost, 1 after a reported Trouble."""
    # A codec makes pictures, too.
    keep_freed_memory()
    setproctitle(f"framewire {boot.pipeline} {boot.worker}")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    supervisor = Outbox(context, boot.supervisor, LAST_WORDS_MS)
    log = logging.getLogger("framewire")
    tell = Teller(supervisor, boot.worker)
    log.handlers = [RemarkHandler(tell)]
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        return _live(boot, context, tell)
    except LinkLostError as lost:
        if lost.args:
            log.warning(
                "the link from %s to %s is lost; what was on its way is sent again", boot.link.here, boot.link.there
            )
        return REPLACE
    except (CodecMissingError, SealMissingError) as error:
        tell.trouble(boot.worker, f"on {boot.link.here}: {error}")
        return 1
    except OSError as error:
        tell.trouble(boot.worker, f"cannot listen on {boot.link.host} ({error.strerror})")
        return 1
    except BaseException as error:
        log.error("unexpected, please report it:\n%s", traceback.format_exc())
        tell.trouble(boot.worker, f"{type(error).__name__}: {error}")
        return 1
    finally:
        supervisor.close()
        context.destroy(linger=0)


def _live(boot: PorterBoot, context: "zmq.Context[zmq.Socket[bytes]]", tell: Teller) -> int:
    inbox, outboxes = Inbox(context, new_endpoint(boot.pipeline, boot.worker)), Outboxes(context)
    porter = Porter(boot.worker, boot.incarnation, boot.link, inbox, outboxes)
    try:
        if boot.link.listens:
            tell(LinkAt(boot.worker, boot.incarnation, porter.socket.port))
        porter.greet()
        # It has no frame in hand that could be to blame.
        notes = Notes()
        tell(Ready(boot.worker, boot.incarnation, os.getpid(), inbox.endpoint, notes.fd))
        try:
            porter.run(tell)
        finally:
            # At the end of a run one end may see that the other has gone before it is told to go itself.
            tell(porter.report())
        tell(Closed(boot.worker, boot.incarnation))
    finally:
        porter.close()
        inbox.close()
        outboxes.close()
    return 0
