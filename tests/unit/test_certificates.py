"""The certificate of the public address, judged and handed over."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

import services
from swap.certificates import FILE, Pair, Watch, hand_over
from swap.errors import SettingsError

HOST = "swap.example.org"


def made(directory: Path, host: str = HOST, *more: str, days: float = 40) -> Pair:
    directory.mkdir(exist_ok=True)
    return Pair(*services.certificate(directory, host, dt.timedelta(days=days), more=more))


def test_its_end_is_told(tmp_path: Path) -> None:
    ends = made(tmp_path, HOST, f"*.{HOST}").ends_at(HOST)

    assert ends is not None
    assert 39 < (ends - dt.datetime.now(dt.UTC)).total_seconds() / 86_400 < 41


def test_it_is_for_the_host_of_notebooks_too_where_that_is_another(tmp_path: Path) -> None:
    apart = "swap-content.example"
    assert made(tmp_path / "one", HOST, f"*.{HOST}", apart).ends_at(HOST, apart)
    with pytest.raises(SettingsError, match=apart):
        made(tmp_path / "other", HOST, f"*.{HOST}").ends_at(HOST, apart)


def test_one_that_has_ended_is_no_reason_not_to_start(tmp_path: Path) -> None:
    assert made(tmp_path, HOST, f"*.{HOST}", days=-1).ends_at(HOST) is None


@pytest.mark.parametrize(
    ("names", "lacks"),
    [
        ((HOST,), f"p234567abc.{HOST}"),
        ((f"*.{HOST}",), HOST),
        (("*.example.org",), f"p234567abc.{HOST}"),
        (("other.example.org", "*.other.example.org"), HOST),
    ],
)
def test_one_that_is_not_for_all_the_names_is_refused_and_says_which(
    tmp_path: Path, names: tuple[str, ...], lacks: str
) -> None:
    with pytest.raises(SettingsError, match=rf"origins\.certificate is not for {lacks}\."):
        made(tmp_path, *names).ends_at(HOST)


def test_a_key_of_another_certificate_is_told_as_the_keys_fault(tmp_path: Path) -> None:
    pair = Pair(made(tmp_path / "a").certificate, made(tmp_path / "b").key)

    with pytest.raises(SettingsError, match=r"origins\.key, .*another certificate"):
        pair.ends_at(HOST)


def test_files_that_are_not_there_or_are_no_pem_are_named(tmp_path: Path) -> None:
    good = made(tmp_path)
    (tmp_path / "junk").write_text("junk")

    with pytest.raises(SettingsError, match=r"origins\.key, .*No such file"):
        Pair(good.certificate, tmp_path / "none").ends_at(HOST)
    with pytest.raises(SettingsError, match=r"origins\.certificate, "):
        Pair(tmp_path / "junk", good.key).read()


def test_the_pair_is_handed_over_whole_and_private(tmp_path: Path) -> None:
    pair = made(tmp_path)

    hand_over(pair, tmp_path)

    written = tmp_path / FILE
    (shown,) = json.loads(written.read_text())["tls"]["certificates"]
    assert (shown["certFile"], shown["keyFile"]) == pair.read()
    assert written.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.new"))


def test_half_a_renewal_changes_nothing_and_the_whole_does(tmp_path: Path) -> None:
    pair, new = made(tmp_path / "now"), made(tmp_path / "next")
    hand_over(pair, tmp_path)
    before = (tmp_path / FILE).read_text()
    watch = Watch(pair, tmp_path)
    assert watch.look() == ""

    new.certificate.replace(pair.certificate)
    assert "the former one stays" in watch.look()
    assert (tmp_path / FILE).read_text() == before

    new.key.replace(pair.key)
    assert "shows the new one" in watch.look()
    assert (tmp_path / FILE).read_text() != before
    assert watch.look() == ""


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path) -> None:
    now, new = made(tmp_path / "now"), made(tmp_path / "next")
    live = tmp_path / "live"
    live.symlink_to(tmp_path / "now")
    watch = Watch(Pair(live / now.certificate.name, live / now.key.name), tmp_path)

    live.unlink()
    live.symlink_to(tmp_path / "next")

    assert "shows the new one" in watch.look()
    assert (
        new.certificate.read_text() in json.loads((tmp_path / FILE).read_text())["tls"]["certificates"][0]["certFile"]
    )
