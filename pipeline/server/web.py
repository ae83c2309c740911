"""The server's routes: the page, its pictures, the metrics, and those for probes and programs."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from framewire.pipeline.seen.summary import summary_of
from framewire.pipeline.server.connection import connections_max
from framewire.pipeline.server.events import Events
from framewire.pipeline.server.guard import Guard
from framewire.pipeline.server.known import Known
from framewire.pipeline.server.listen import ORDER_HEADER
from framewire.pipeline.server.pictures import Pictures

PAGE = Path(__file__).parent / "page"
BOUNDARY = "framewire"
NUMBER_HEADER = "X-Picture"
"""A picture's number, to pass in `after` for the next one."""


def web_app(
    known: Known,
    pictures: Pictures,
    events: Events,
    registry: CollectorRegistry,
    token: str,
    let_go: Callable[[str], None] = lambda machine: None,
) -> ASGIApp:
    """The application, behind its guard; `let_go` tells a machine to leave the run."""
    answers = Answers(known, pictures, events, registry, let_go)
    app = Starlette(
        routes=[
            Route("/", answers.page),
            Route("/metrics", answers.metrics),
            Route("/healthz", answers.health),
            Route("/readyz", answers.readiness),
            Route("/graph.json", answers.graph),
            Route("/history.json", answers.history),
            Route("/summary.json", answers.summary),
            Route("/events", answers.events),
            Route("/machines/{machine}/drain", answers.drain, methods=["POST"]),
            Route("/streams/{stream}.jpg", answers.picture),
            Route("/streams/{stream}.mjpeg", answers.film),
            Mount("/page", StaticFiles(directory=PAGE)),
        ]
    )
    return Guard(app, token)


class Answers:
    """One method per route."""

    def __init__(
        self,
        known: Known,
        pictures: Pictures,
        events: Events,
        registry: CollectorRegistry,
        let_go: Callable[[str], None],
    ) -> None:
        self._let_go = let_go
        self._known = known
        self._events = events
        self._pictures = pictures
        self._registry = registry
        self._viewers = Viewers(connections_max() // 2)

    async def page(self, _request: Request) -> Response:
        """The live page."""
        return FileResponse(PAGE / "index.html")

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text, or OpenMetrics if the client accepts it."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), media_type=content_type)

    async def health(self, _request: Request) -> Response:
        """200 if the supervisor reports."""
        return _probe(self._known.health())

    async def readiness(self, _request: Request) -> Response:
        """200 if every worker is ready and every stream is live or ended."""
        return _probe(self._known.readiness())

    async def graph(self, _request: Request) -> Response:
        """The graph with its rates: see View."""
        if self._known.view is None:
            return PlainTextResponse("starting\n", 503)
        return Response(msgspec.json.encode(self._known.view), media_type="application/json")

    async def history(self, _request: Request) -> Response:
        """The last minutes: see Point."""
        return Response(msgspec.json.encode(list(self._known.history)), media_type="application/json")

    async def summary(self, _request: Request) -> Response:
        """The summary so far, as `--summary` writes it at the end."""
        if self._known.now is None:
            return PlainTextResponse("starting\n", 503)
        return Response(msgspec.json.encode(summary_of(self._known.now)), media_type="application/json")

    async def events(self, request: Request) -> Response:
        """What happens, as Server-Sent Events: after `?since=NUMBER`, or after the one that the browser had last."""
        since = request.headers.get("last-event-id") or request.query_params.get("since", "0")
        if not since.isdecimal():
            return PlainTextResponse("`since` is a number\n", 400)
        return _Endless(self._events.since(int(since)), "text/event-stream", self._viewers)

    async def drain(self, request: Request) -> Response:
        """Tell a machine to leave; 202, since that takes a while. Only programs may: see ORDER_HEADER."""
        machine = request.path_params["machine"]
        view = self._known.view
        if ORDER_HEADER not in request.headers:
            return PlainTextResponse(f"the header {ORDER_HEADER} is missing\n", 403)
        # The first is the run's own, which cannot leave it.
        if view is None or all(one.name != machine for one in view.machines[1:]):
            return PlainTextResponse("no such machine\n", 404)
        self._let_go(machine)
        return PlainTextResponse("it leaves when what is in flight is settled\n", 202)

    async def picture(self, request: Request) -> Response:
        """The newest picture of a stream, once it is not the one of `?after=NUMBER`; 204 on timeout."""
        if not self._is_stream(request.path_params["stream"]):
            return PlainTextResponse("no such stream\n", 404)
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            return PlainTextResponse("`after` is a number\n", 400)
        found = await self._pictures.next(request.path_params["stream"], int(after))
        if found is None:
            return Response(status_code=204)
        number, jpeg = found
        return Response(jpeg, media_type="image/jpeg", headers={NUMBER_HEADER: str(number)})

    async def film(self, request: Request) -> Response:
        """The pictures of a stream as MJPEG, for players and other pages."""
        stream = request.path_params["stream"]
        if not self._is_stream(stream):
            return PlainTextResponse("no such stream\n", 404)
        return _Endless(self._parts(stream), f"multipart/x-mixed-replace; boundary={BOUNDARY}", self._viewers)

    async def _parts(self, stream: str) -> AsyncIterator[bytes]:
        async for jpeg in self._pictures.all(stream):
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"

    def _is_stream(self, name: str) -> bool:
        """Names are untrusted input: only existing streams may be watched."""
        view = self._known.view
        return self._pictures.possible and view is not None and any(stream.name == name for stream in view.streams)


class Viewers:
    """How many watch films or events now: those who do must leave room for probes and pages."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = 0


class _Endless(StreamingResponse):
    def __init__(self, parts: AsyncIterator[bytes], media_type: str, viewers: Viewers) -> None:
        super().__init__(parts, media_type=media_type)
        self._viewers = viewers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if self._viewers.now >= self._viewers.most:
            text = f"{self._viewers.most} films and lists of events are being watched already; close one\n"
            await PlainTextResponse(text, 503)(scope, receive, send)
            return
        self._viewers.now += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._viewers.now -= 1


def _probe(trouble: str) -> Response:
    return PlainTextResponse(f"{trouble or 'ok'}\n", 503 if trouble else 200)
