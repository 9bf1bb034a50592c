"""pillarbox.toml: what it fills, and all that is wrong with it in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.app.settings import LogLevel, ServerSettings
from pillarbox.config import ConfigInvalid, load
from pillarbox.net.settings import ListenAddress


def loaded(folder: Path, text: str) -> ServerSettings:
    path = folder / "pillarbox.toml"
    path.write_text(text)
    return load(ServerSettings, path, {"data_folder": folder})


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        loaded(folder, text)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_a_file_everything_is_as_the_rooms_say(tmp_path: Path) -> None:
    assert load(ServerSettings, None, {"data_folder": tmp_path}) == ServerSettings(data_folder=tmp_path)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == ServerSettings(data_folder=tmp_path)


def test_every_kind_of_value_arrives(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        listen = ["127.0.0.1:9993", "[::1]:9993"]
        workers = 2
        [net]
        idle_timeout_seconds = 3600
        [tls]
        certificate_path = "/etc/ssl/mail.pem"
        key_path = "mail.key"
        server_names = ["mail.example.org"]
        [store]
        max_mailboxes = 10
        name.max_depth = 3
        [log]
        level = "debug"
        """,
    )
    assert settings.listen == (ListenAddress("127.0.0.1", 9993), ListenAddress("::1", 9993))
    assert settings.workers == 2
    assert settings.net.idle_timeout_seconds == 3600.0
    assert settings.tls.certificate_path == Path("/etc/ssl/mail.pem")
    assert settings.tls.server_names == ("mail.example.org",)
    assert (settings.store.max_mailboxes, settings.store.name.max_depth) == (10, 3)
    assert settings.log.level is LogLevel.DEBUG


def test_a_relative_path_starts_at_the_folder_of_the_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[tls]\nkey_path = "mail.key"').tls.key_path == tmp_path / "mail.key"


def test_all_mistakes_come_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
workers = 0
lisen = ["*:993"]
listen = ["*:993", "everywhere"]

[net]
idle_timeout_seconds = "an hour"
idle_timeout_secs = 3600
linger_seconds = -1
sweep_interval_seconds = nan

[tls]
server_names = "mail.example.org"

[log]
level = "loud"

[sotre]
max_mailboxes = 1
"""
    found = mistakes(tmp_path, text)
    assert found[0] == "line 1: workers: must be 1 or more"
    assert found[1] == 'line 2: lisen: there is no such setting; did you mean "listen"?'
    assert found[2].startswith('line 3: listen[1]: "everywhere" is not HOST:PORT')
    assert found[3] == "line 6: net.idle_timeout_seconds: must be a number"
    assert found[4] == ('line 7: net.idle_timeout_secs: there is no such setting; did you mean "idle_timeout_seconds"?')
    assert found[5] == "line 8: net.linger_seconds: must be 0 or more"
    assert found[6] == "line 9: net.sweep_interval_seconds: must be a number that ends somewhere"
    assert found[7] == "line 12: tls.server_names: must be an array of texts"
    assert found[8] == 'line 15: log.level: must be one of "debug", "info", "warning", "error"'
    assert found[9] == 'line 17: sotre: there is no such setting; did you mean "store"?'
    assert len(found) == 10


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("workers = true", "line 1: workers: must be a whole number"),
        ("workers = 1.5", "line 1: workers: must be a whole number"),
        ('workers = "2"', "line 1: workers: must be a whole number"),
        ("net = 5", "line 1: net: must be a table"),
        ("[[net]]\nbacklog = 1", "line 1: net: must be a table"),
        ("listen = []", "line 1: listen: must name one address at least"),
        ('listen = "*:993"', 'line 1: listen: must be an array of "HOST:PORT"s'),
        ("tls.certificate_path = 7", "line 1: tls.certificate_path: must be a path"),
        ("tls = { server_names = [7] }", "line 1: tls.server_names[0]: must be a text"),
        ("log.level = 1979-05-27", 'line 1: log.level: must be one of "debug", "info", "warning", "error"'),
        ("[auth]\nhash_threads = 0", "line 2: auth.hash_threads: must be 1 or more"),
        ('data_folder = "/srv"', "line 1: data_folder: is given on the command line (--data), not in the file"),
    ],
)
def test_a_single_mistake_is_named_plainly(tmp_path: Path, text: str, mistake: str) -> None:
    assert mistakes(tmp_path, text) == [mistake]


def test_what_is_not_toml_says_where(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "workers = 1\nlisten = = 2")[0].startswith("not TOML: ")
    assert "line 2" in mistakes(tmp_path, "workers = 1\nlisten = = 2")[0]


def test_a_file_in_latin_1_is_reported_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "pillarbox.toml"
    path.write_bytes(b"# f\xfcr uns\nworkers = 2\n")
    with pytest.raises(ConfigInvalid, match="not UTF-8"):
        load(ServerSettings, path, {"data_folder": tmp_path})


def test_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "pillarbox.toml"
    path.write_text("workers = 2")
    assert load(ServerSettings, path, {"data_folder": tmp_path, "workers": 4}).workers == 4


def test_zero_is_allowed_where_it_switches_something_off(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[auth]\nremember_seconds = 0").auth.remember_seconds == 0
