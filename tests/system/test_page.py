"""The live page in a real browser: Debian's Chromium, driven by its own driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from tests.system.running import PIPELINES, wait_until
from tests.system.served import served

pytestmark = pytest.mark.skipif(
    which("chromium") is None or which("chromedriver") is None,
    reason="Chromium is not installed (Debian: chromium, chromium-driver)",
)
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
GREEN_PIXELS = """
const image = document.querySelector(".stream img");
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
const painter = canvas.getContext("2d");
painter.drawImage(image, 0, 0);
const { data } = painter.getImageData(0, 0, canvas.width, canvas.height);
let count = 0;
for (let at = 0; at < data.length; at += 4) count += data[at + 1] > 160 && data[at] < 130 && data[at + 2] < 130;
return count;
"""


@contextmanager
def browser(profile: Path, size: str) -> Iterator[Any]:
    """A headless Chromium with a window of this size."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = which("chromium") or ""
    for flag in (*FLAGS, f"--window-size={size}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def picture_number(page: Any) -> int:
    return int(page.execute_script("return document.querySelector('.stream img')?.dataset.number || 0"))


@pytest.mark.parametrize("size", ["1300,1000", "420,900"], ids=["desk", "phone"])
def test_the_page_lives(size: str, tmp_path: Path) -> None:
    with served(PIPELINES / "paced.yaml", tmp_path) as one:
        with browser(tmp_path / "profile", size) as page:
            page.get(one.url)
            wait_until(lambda: picture_number(page) > 0, "a picture")
            first = picture_number(page)
            wait_until(lambda: picture_number(page) >= first + 5, "five pictures more")
            wait_until(lambda: page.execute_script(GREEN_PIXELS) > 100, "boxes around faces")
            written = "return Number(document.getElementById('total-written').textContent)"
            before = page.execute_script(written)
            wait_until(lambda: page.execute_script(written) > before, "a number that changes")
            stages = page.execute_script("return [...document.querySelectorAll('#graph rect')].length")
            rows = page.execute_script(
                "return [...document.querySelectorAll('#stages tr')].map(r => r.children[0].textContent)"
            )
            too_wide = page.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
            complaints = page.get_log("browser")
    assert stages == 2 * 3
    assert rows == ["capture", "faces", "list"]
    assert not too_wide
    assert complaints == []
