"""The server's routes and its guard, tested without a socket."""

import base64

import pytest
from starlette.testclient import TestClient

from framewire.pipeline.metrics.collector import RunCollector, registry_of
from framewire.pipeline.server.events import Events
from framewire.pipeline.server.known import Known
from framewire.pipeline.server.pictures import Pictures
from framewire.pipeline.server.web import web_app
from framewire.pipeline.wire.message import Look
from tests.pipeline.snapshots import snapshot

SECRET = "s3cret"


def client(token: str = "", told: bool = True, name: str = "localhost:9797") -> TestClient:
    collector = RunCollector()
    known = Known(collector)
    if told:
        known.take(snapshot())
    looked: list[Look] = []
    pictures = Pictures(lambda width: looked.append(Look(width)), lambda pixels, packet, step: b"")
    return TestClient(web_app(known, pictures, Events(), registry_of(collector), token), base_url=f"http://{name}")


def test_the_page_and_its_parts() -> None:
    asked = client()
    page = asked.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for part in ("/page/page.js", "/page/page.css"):
        assert part in page.text
        assert asked.get(part).status_code == 200


def test_metrics_in_both_formats() -> None:
    plain = client().get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert "framewire_frames_total{" in plain.text
    modern = client().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.rstrip().endswith("# EOF")


def test_probes() -> None:
    assert client().get("/healthz").text == "ok\n"
    assert client().get("/readyz").status_code == 200
    starting = client(told=False).get("/readyz")
    assert (starting.status_code, starting.text) == (503, "starting\n")
    assert client(told=False).get("/graph.json").status_code == 503


def test_the_graph() -> None:
    view = client().get("/graph.json").json()
    assert [stage["name"] for stage in view["stages"]] == ["capture", "faces", "list"]
    assert view["stages"][1]["inputs"] == ["capture"]
    assert view["streams"][0]["state"] == "live"


def test_streams_that_there_are_not_and_numbers_that_are_none() -> None:
    assert client().get("/streams/nobody.jpg").status_code == 404
    assert client().get("/streams/nobody.mjpeg").status_code == 404
    assert client().get("/streams/capture.jpg?after=x").status_code == 400


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 401),
        ({"Authorization": "Bearer wrong"}, "", 401),
        ({"Authorization": "Basic !!!"}, "", 401),
        ({"Authorization": basic("wrong")}, "", 401),
        ({"Cookie": "framewire=wrong"}, "", 401),
        ({}, "?token=wrong", 401),
        ({"Authorization": f"Bearer {SECRET}"}, "", 200),
        ({"Authorization": basic(SECRET)}, "", 200),
        ({"Cookie": f"framewire={SECRET}"}, "", 200),
        ({}, f"?token={SECRET}", 200),
    ],
)
@pytest.mark.parametrize("path", ["/", "/metrics", "/graph.json", "/page/page.js"])
def test_beyond_loopback_the_token_is_needed(path: str, headers: dict[str, str], query: str, status: int) -> None:
    asked = client(SECRET, name="camera.example")
    assert asked.get(path + query, headers=headers).status_code == status


def test_the_token_becomes_a_cookie_that_scripts_cannot_read() -> None:
    asked = client(SECRET, name="camera.example")
    answer = asked.get(f"/?token={SECRET}")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert asked.get("/graph.json").status_code == 200


def test_probes_need_no_token() -> None:
    asked = client(SECRET, name="camera.example")
    assert asked.get("/healthz").status_code == 200
    assert asked.get("/readyz").status_code == 200


@pytest.mark.parametrize("name", ["evil.example", "evil.example:9797", "127.0.0.1.evil.example"])
def test_a_site_elsewhere_that_points_its_name_here_sees_nothing(name: str) -> None:
    assert client(name=name).get("/graph.json").status_code == 421


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:1", "[::1]:9797"])
def test_names_of_loopback(name: str) -> None:
    assert client(name=name).get("/graph.json").status_code == 200
