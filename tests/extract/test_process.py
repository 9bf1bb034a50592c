"""Files are read in a process of their own, and bad ones harm nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from pathlib import Path

import pytest

from pillarbox.extract.kinds import Kind, kind_of
from pillarbox.extract.limits import ExtractLimits
from pillarbox.extract.process import Extractor, can_extract
from tests.extract.files import BILLION_LAUGHS, EXTERNAL_ENTITY, claiming, docx, locked_pdf, odt, pdf, zip_bomb, zipped

_CONFINED = (
    "import sys; from pillarbox.extract.confine import confine; from pillarbox.extract.limits import ExtractLimits;"
    "confine(ExtractLimits.from_arguments(sys.argv[2:]));"
)


def script(text: str) -> Extractor:
    """A reader that shuts itself in and then does as told."""
    limits = ExtractLimits(processor_seconds=1, memory_bytes=256 * 1024 * 1024)
    caught = f"""
try:
    exec({text!r})
except Exception:
    sys.exit(3)
"""
    return Extractor(limits, (sys.executable, "-I", "-c", _CONFINED + caught))


def test_the_extra_is_installed_where_tests_run() -> None:
    assert can_extract()


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (Kind.PDF, pdf("the granite lantern", "S\u00e4gewerk"), "the granite lantern\nS\u00e4gewerk"),
        (
            Kind.WORD,
            docx("the lantern", "in the caf\u00e9 &amp; harbour"),
            "the lantern\nin the café & harbour\na note",
        ),
        (Kind.OPEN_DOCUMENT, odt("Lanterns<text:s/>of <text:span>granite</text:span>"), "Lanterns of granite"),
        (Kind.PDF, locked_pdf("read me", ""), "read me"),
    ],
    ids=["pdf", "docx", "odt", "pdf locked against changes"],
)
async def test_text_is_read(kind: Kind, data: bytes, text: str) -> None:
    assert (await Extractor(ExtractLimits()).text_of(kind, data) or "").strip() == text


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Kind.PDF, b""),
        (Kind.PDF, b"%PDF-1.7\n" + os.urandom(5_000)),
        (Kind.PDF, locked_pdf("secret", "password")),
        (Kind.WORD, docx("the lantern")[:-60]),
        (Kind.PDF, pdf("cut", "off")[:500]),
        (Kind.WORD, odt("an odt that says it is a docx")),
        (Kind.WORD, docx("&lol9;", before=BILLION_LAUGHS)),
        (Kind.WORD, docx("&passwords;", before=EXTERNAL_ENTITY)),
        (Kind.WORD, zipped({"word/document.xml": b"<w:document><w:p>"})),
        (Kind.OPEN_DOCUMENT, b"PK\x03\x04" + bytes(100)),
        (Kind.OPEN_DOCUMENT, zipped({f"file {number}": b"" for number in range(10_001)})),
    ],
    ids=[
        "empty",
        "noise",
        "locked",
        "cut off",
        "a PDF cut off",
        "another kind",
        "entities that grow",
        "entity outside",
        "never closed",
        "not a zip file",
        "ten thousand files",
    ],
)
async def test_what_can_not_be_read_has_no_text(kind: Kind, data: bytes) -> None:
    text = await Extractor(ExtractLimits()).text_of(kind, data)
    assert not text


@pytest.mark.parametrize("claimed", [80_000_008, 100_000_000_000 % 2**32])
async def test_a_zip_bomb_ends_at_the_limit(claimed: int) -> None:
    """Whatever size it claims to have."""
    bomb = claiming(zip_bomb(80), claimed)
    assert len(bomb) < 100_000
    text = await Extractor(ExtractLimits(characters=10_000)).text_of(Kind.WORD, bomb)
    assert text is not None
    assert text.startswith("lantern aaa")
    assert len(text) == 10_000


async def test_no_more_is_unpacked_than_the_limit() -> None:
    bomb = zip_bomb(80)
    limits = ExtractLimits(unpacked_bytes=1_000_000, characters=100_000_000)
    text = await Extractor(limits).text_of(Kind.WORD, bomb)
    assert text is not None
    assert 500_000 < len(text) <= 1_000_000


async def test_a_pdf_that_unpacks_to_300_megabytes_ends_at_the_limit() -> None:
    packer = zlib.compressobj(6)
    content = b"".join(packer.compress(b" " * 1_000_000) for _ in range(300)) + packer.flush()
    limits = ExtractLimits(processor_seconds=3)
    assert not await Extractor(limits).text_of(Kind.PDF, pdf(content=content))


async def test_text_ends_at_the_limit() -> None:
    limits = ExtractLimits(characters=1_000)
    text = await Extractor(limits).text_of(Kind.WORD, docx(*["lantern"] * 1_000))
    assert text is not None
    assert len(text) == 1_000


async def test_a_file_that_is_too_large_is_not_tried(tmp_path: Path) -> None:
    extractor = Extractor(ExtractLimits(file_bytes=1_000), ("/there/is/no/such/program",))
    assert await extractor.text_of(Kind.PDF, bytes(1_001)) is None


@pytest.mark.parametrize(
    "deed",
    [
        "memory = bytearray(10**9)",
        "while True: pass",
        "import os, signal; os.abort()",
        "raise SystemExit(7)",
        "import socket; socket.create_connection(('127.0.0.1', 9)); print('out')",
        "import subprocess; subprocess.run(['true']); print('out')",
        "import os; os.system('true'); print('out')",
        "print(open('/etc/passwd').read())",
        "open('/dev/shm/pillarbox-was-here', 'w'); print('out')",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9'); print('out')",
    ],
    ids=[
        "too much memory",
        "an endless loop",
        "a crash",
        "another code",
        "a connection",
        "a program",
        "a shell",
        "reading a file",
        "writing a file",
        "following a link",
    ],
)
async def test_a_reader_that_does_what_it_must_not_gives_no_text(deed: str) -> None:
    assert await script(deed).text_of(Kind.PDF, b"any") is None


async def test_a_reader_that_sleeps_is_ended_and_what_it_said_counts() -> None:
    limits = ExtractLimits(seconds=1.0)
    sleeping = "print('lantern', flush=True); import time; time.sleep(3_600)"
    for prepared in (_CONFINED, "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65));"):
        extractor = Extractor(limits, (sys.executable, "-I", "-c", prepared + sleeping))
        assert await extractor.text_of(Kind.PDF, b"any") == "lantern\n"


async def test_a_reader_that_writes_without_end_is_cut_off() -> None:
    limits = ExtractLimits(characters=1_000)
    extractor = Extractor(limits, (sys.executable, "-I", "-c", "while True: print('lantern ' * 1_000)"))
    text = await extractor.text_of(Kind.PDF, bytes(1_000_000))
    assert text is not None
    assert len(text) == 4_000


async def test_who_gives_up_waiting_leaves_no_process_behind(tmp_path: Path) -> None:
    told = tmp_path / "process"
    said = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(3_600)"
    extractor = Extractor(ExtractLimits(), (sys.executable, "-I", "-c", said))
    reading = asyncio.create_task(extractor.text_of(Kind.PDF, b"any"))
    while not (told.exists() and told.read_text()):
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


async def test_a_reader_that_can_not_be_loaded_says_nothing_about_the_file() -> None:
    with pytest.raises(OSError, match="does not begin"):
        await Extractor(ExtractLimits(), (sys.executable, "-I", "-m", "no.such.reader")).text_of(Kind.PDF, b"any")


async def test_a_reader_that_can_not_be_started_is_told() -> None:
    with pytest.raises(OSError, match="no/such/program"):
        await Extractor(ExtractLimits(), ("/there/is/no/such/program",)).text_of(Kind.PDF, b"any")


@pytest.mark.parametrize(
    ("media", "name", "kind"),
    [
        ("application/pdf", "", Kind.PDF),
        ("application/octet-stream", "Bill.PDF", Kind.PDF),
        ("application/octet-stream", "notes.txt", Kind.PLAIN),
        ("application/octet-stream", "page.html", Kind.HTML),
        ("application/octet-stream", "setup.exe", None),
        ("application/octet-stream", "", None),
        ("application/zip", "letter.docx", Kind.WORD),
        ("application/vnd.oasis.opendocument.text", "x.pdf", Kind.OPEN_DOCUMENT),
        ("image/png", "scan.pdf", None),
    ],
)
def test_the_kind_is_told_by_the_type_and_else_by_the_name(media: str, name: str, kind: Kind | None) -> None:
    type_, _, subtype = media.partition("/")
    assert kind_of(type_, subtype, name) is kind
