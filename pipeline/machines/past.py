"""What a run has done on other machines before its agents come."""

from msgspec import Struct

from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.ledger.bookkeeping import Bookkeeping


class Past(Struct, frozen=True):
    """The run's own name, and whether it is resumed; on the machines in `written`, sinks have settled frames."""

    run: str
    is_resumed: bool = False
    written: frozenset[str] = frozenset()


def past_of(books: Bookkeeping, spec: PipelineSpec) -> Past:
    """The past of a run, of its books."""
    plan = make_plan(spec)
    sources = {account.source for account in books.ledger.streams.values() if account.settled}
    sinks = {sink for source in sources for sink in plan.sinks_of[source]}
    written = frozenset(machine for sink in sinks for machine in plan.process_of(sink).machines)
    return Past(books.run, books.is_resumed, written)
