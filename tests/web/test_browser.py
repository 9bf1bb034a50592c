"""The page in a real browser, over the real server's TLS: looks, use, and obedience to its own strict policy.

Screenshots stay in $PILLARBOX_SCREENSHOTS, when that is set, for people to look at.
"""

from __future__ import annotations

import base64
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.web.client_settings import parse_address
from pillarbox.web.page import Pages
from tests.web.chromium import Browser, chromium
from tests.web.server import WebbedServer, webbed_server
from tests.web.sites import RECEIVING_ONLY

DESKTOP, PHONE = (1100, 900), (375, 740)
ADDRESS = "a.very.long.name.of.somebody@example.org"

CONTRASTS = """(() => {
  const lights = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("h1,h2,small,p,dt,dd,code,a,li,button,label,input")) {
    const [one, other] = [lights(numbers(getComputedStyle(element).color)), lights(ground(element))];
    const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    if (ratio < 4.5) found.push(`${element.tagName} ${element.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return found;
})()"""
"""WCAG 2.1, 1.4.3: text has a contrast of 4.5 at least."""

OUTSIDE = """[...document.querySelectorAll("body *")].filter(element => {
  const box = element.getBoundingClientRect();
  return element.id !== "copied" && box.width && (box.left < 0 || box.right > innerWidth);
}).map(element => element.outerHTML.slice(0, 60))"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebbedServer]:
    with webbed_server(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture(scope="module")
def browser(web: WebbedServer) -> Iterator[Browser]:
    with chromium(base64.b64encode(web.key_hash).decode()) as driven:
        yield driven


def kept(name: str, picture: bytes, folder: Path) -> Path:
    path = Path(os.environ.get("PILLARBOX_SCREENSHOTS") or folder) / f"{name}.png"
    path.write_bytes(picture)
    return path


def scanned(picture: Path) -> str:
    """What a phone's camera would read."""
    command = ["zbarimg", "--raw", "--quiet", str(picture)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    "query", [f"?emailaddress={ADDRESS}", "", "?emailaddress=nobody"], ids=["page", "entry", "wrong"]
)
def test_the_page_is_whole_and_readable(
    browser: Browser, web: WebbedServer, tmp_path: Path, query: str, size: tuple[int, int], scheme: str
) -> None:
    browser.open(f"{web.url}/{query}", *size, scheme)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate(OUTSIDE) == []
    assert browser.evaluate(CONTRASTS) == []
    refused = [each for each in browser.complaints() if "status of 400" not in each]
    assert refused == []
    assert all(each.startswith((f"{web.url}/", "data:,")) for each in browser.asked())
    device = "desktop" if size is DESKTOP else "phone"
    kind = "entry" if not query else "page" if ADDRESS in query else "wrong"
    picture = kept(f"{kind}-{device}-{scheme}", browser.screenshot(), tmp_path).read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height >= 2 * size[1]) == (2 * size[0], True)


def test_the_code_can_be_scanned_from_the_screen(browser: Browser, web: WebbedServer, tmp_path: Path) -> None:
    browser.open(f"{web.url}/?emailaddress={ADDRESS}", *PHONE, "dark")
    picture = kept("scanned", browser.screenshot(), tmp_path)
    assert scanned(picture) == f"{web.url}/?emailaddress={ADDRESS}\n"


def test_the_single_file_can_be_scanned_too(browser: Browser, tmp_path: Path) -> None:
    settings = RECEIVING_ONLY.of_address(parse_address(ADDRESS))
    assert settings is not None
    page = tmp_path / "settings.html"
    page.write_bytes(Pages().single_file(settings, None))
    browser.open(page.as_uri(), *DESKTOP)
    assert browser.evaluate(OUTSIDE) == []
    assert browser.asked() == [page.as_uri()]
    said = scanned(kept("single-file", browser.screenshot(), tmp_path))
    assert said == f"Mail at example.org\nUser {ADDRESS}\nIMAP mail.example.org:993 TLS\n"


def test_a_value_is_copied_by_its_button(browser: Browser, web: WebbedServer) -> None:
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.open(f"{web.url}/?emailaddress={ADDRESS}", *DESKTOP)
    labels = browser.evaluate("[...document.querySelectorAll('button')].map(b => b.getAttribute('aria-label'))")
    assert labels == [
        f"Copy {what}, {where}" for where in ("receiving", "sending") for what in ("Server", "Port", "User name")
    ]
    browser.call("Page.bringToFront")
    told = "new Promise(r => new MutationObserver(() => r(copied.textContent)).observe(copied, {childList: true}))"
    said = browser.evaluate(
        f"(() => {{ const said = {told}; document.querySelectorAll('button')[2].click(); return said }})()"
    )
    assert said == "User name, receiving copied"
    assert browser.evaluate("navigator.clipboard.readText()") == ADDRESS


def test_the_form_leads_to_the_settings(browser: Browser, web: WebbedServer) -> None:
    browser.open(f"{web.url}/", *DESKTOP)
    browser.evaluate(f"document.querySelector('input').value = '{ADDRESS}'")
    browser.events.clear()
    browser.evaluate("document.querySelector('form').requestSubmit()")
    browser.wait_for("Page.loadEventFired")
    assert browser.evaluate("document.querySelector('strong').textContent") == ADDRESS


def test_what_is_injected_never_runs(browser: Browser, web: WebbedServer) -> None:
    browser.open(
        f"{web.url}/?emailaddress=%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'owned'%22%3E@example.org", *DESKTOP
    )
    assert browser.evaluate("document.title") == "Mail at example.org: set up a mail program"
    inline = "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s)"
    browser.evaluate(f"{{ {inline} }}")
    assert browser.evaluate("window.owned") is None
    assert any("Content Security Policy" in each for each in browser.complaints())


def test_without_script_a_click_takes_the_whole_value(browser: Browser, web: WebbedServer) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{web.url}/?emailaddress={ADDRESS}", *DESKTOP)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.evaluate("document.querySelectorAll('button').length") == 0
    assert browser.evaluate("getComputedStyle(document.querySelector('code')).userSelect") == "all"
