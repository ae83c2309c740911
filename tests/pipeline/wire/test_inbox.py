import zmq

from framewire.pipeline.wire.inbox import Inbox, Waker, new_endpoint


def test_a_waker_wakes_until_it_is_closed_and_does_nothing_after() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    inbox = Inbox(context, new_endpoint("p", "w"))
    never_used, waker = (Waker(context, inbox.endpoint, b"wake") for _ in range(2))
    waker()
    assert inbox.wait(5) == b"wake"
    for one in (waker, never_used):
        one.close()
        one()
    assert inbox.wait(0.1) is None
    inbox.close()
    context.term()
