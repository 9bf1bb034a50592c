"""One source of truth: every document is read back as its program reads it, and all of them say the same."""

from __future__ import annotations

import pytest

from pillarbox.web import autoconfig, autodiscover, mobileconfig
from pillarbox.web.client_settings import Site, parse_address
from pillarbox.web.dns_records import records
from pillarbox.web.page import Pages
from tests.web import reading
from tests.web.sites import NASTY, RECEIVING_ONLY, SITE, STARTTLS


@pytest.mark.parametrize("site", [SITE, STARTTLS, RECEIVING_ONLY], ids=["tls", "starttls", "receiving only"])
@pytest.mark.parametrize("text", ["alice@example.org", *NASTY])
def test_all_documents_say_the_same(site: Site, text: str) -> None:
    address = parse_address(text)
    settings = site.of_address(address)
    assert settings is not None
    endpoints = [("imap", settings.imap), *([("smtp", settings.smtp)] if settings.smtp is not None else [])]
    name = settings.user_name(address)
    expected = {reading.Read(kind, each.host, each.port, each.security.name, name) for kind, each in endpoints}
    page = Pages().single_file(settings, site.web_url).decode()

    assert reading.autoconfig(autoconfig.autoconfig(settings, site.web_url), text) == expected
    assert reading.autodiscover(autodiscover.settings_response(settings, address)) == expected
    assert reading.Page(page).servers() == expected
    assert reading.plain(Pages().plain(settings)) == expected
    assert reading.srv(records(site, [settings.domain], [], {}), settings.domain, name) == expected
    if site.smtp is not None:
        assert reading.mobileconfig(mobileconfig.mobileconfig(settings, address)) == expected


def test_the_names_of_a_site_agree_too() -> None:
    alice = parse_address("alice@example.org")
    settings = STARTTLS.of_address(alice)
    assert settings is not None
    name = "Post & Söhne <\"' GmbH>"
    assert f"<displayName>{name.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</displayName>" in (
        autoconfig.autoconfig(settings, None).decode()
    )
    assert name in reading.Page(Pages().single_file(settings, None).decode()).texts
    assert Pages().plain(settings).startswith(name + "\n")
