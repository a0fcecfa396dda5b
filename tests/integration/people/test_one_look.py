"""What a credential is worth is read in one statement: cheaper than several, and no sign-out falls between them."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from services import Database
from statements import interrupted, sent
from swap.db.tables import jupyter_server
from swap.errors import NotSignedIn
from swap.identity import Via
from swap.people import service, store, tokens
from swap.people.ids import new_person_id
from swap.people.model import Access, LaunchedServer

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
KEYS = {Via.KERNEL: "k" * 43, Via.PORTAL: "p" * 43}
MOMENTS = range(6)
"""After how many statements the sign-out falls in: more than any way to mint sends."""


@pytest.fixture
def ann(database: Database) -> str:
    """ann, signed in, with a portal session `cookie` and a server `credential`."""
    with database.engine().begin() as conn:
        person = service.ensure_person(
            conn, "file:ann", "ann", ("analysts",), lambda: new_person_id(secrets.token_bytes)
        )
        service.sign_in(conn, person.id, "first", NOW, 7)
        service.open_portal_session(conn, person.id, "cookie", "csrf", NOW, 7)
        service.launch_server(conn, person.id, "s1", "credential", NOW)
    return person.id


def sign_out(database: Database, person_id: str) -> None:
    with database.engine("web").begin() as conn:
        service.sign_out(conn, person_id, LATER)


def sign_in_again(database: Database, person_id: str) -> None:
    with database.engine("hub").begin() as conn:
        service.sign_in(conn, person_id, "second", LATER, 7)


def kernel_token(database: Database) -> str:
    """Mint as the gateway does."""
    with database.engine("gateway").begin() as conn:
        server = service.server_for(conn, "credential", NOW)
    return service.mint_token(
        KEYS[Via.KERNEL], Via.KERNEL, server.person_id, server.access, now=NOW, seconds=300, server_id=server.server_id
    ).value


def portal_token(database: Database) -> str:
    """Mint as the portal does."""
    with database.engine("web").begin() as conn:
        session = service.portal_session(conn, "cookie", NOW)
    return service.mint_token(
        KEYS[Via.PORTAL], Via.PORTAL, session.principal.id, session.access, now=NOW, seconds=60
    ).value


def is_accepted(database: Database, token: str) -> bool:
    """Tell whether the gateway would let the token's bearer in."""
    try:
        with database.engine("gateway").begin() as conn:
            service.token_bearer(conn, tokens.verify(KEYS, token, LATER - timedelta(seconds=30)), LATER)
    except NotSignedIn:
        return False
    return True


def test_each_credential_is_checked_in_one_statement(database: Database, ann: str) -> None:
    claims = tokens.verify(KEYS, kernel_token(database), NOW)
    looks: dict[str, Callable[..., object]] = {
        "gateway token": lambda conn: service.token_bearer(conn, claims, NOW),
        "gateway server": lambda conn: service.server_for(conn, "credential", NOW),
        "gateway access": lambda conn: service.access(conn, ann, NOW),
        "gateway principal": lambda conn: service.principal(conn, ann, Via.KERNEL, NOW),
        "web session": lambda conn: service.portal_session(conn, "cookie", NOW),
    }

    for name, look in looks.items():
        engine = database.engine(name.partition(" ")[0])
        with sent(engine) as statements, engine.begin() as conn:
            look(conn)
        assert len(statements) == 1, (name, statements)


@pytest.mark.parametrize("mint", [kernel_token, portal_token])
def test_a_token_lives_until_its_person_signs_out(
    database: Database, ann: str, mint: Callable[[Database], str]
) -> None:
    token = mint(database)

    assert is_accepted(database, token)
    sign_out(database, ann)
    assert not is_accepted(database, token)


def outlives(database: Database, person_id: str, role: str, mint: Callable[[Database], str], after: int) -> bool:
    """Sign out while a token is minted, then sign in again: tell whether the token of before is alive."""
    token = ""
    with interrupted(database.engine(role), after, lambda: sign_out(database, person_id)):
        try:
            token = mint(database)
        except NotSignedIn:
            assert after == 0
    sign_in_again(database, person_id)
    return bool(token) and is_accepted(database, token)


@pytest.mark.parametrize(("role", "mint"), [("gateway", kernel_token), ("web", portal_token)])
@pytest.mark.parametrize("after", MOMENTS)
def test_a_token_minted_during_a_sign_out_does_not_outlive_it(
    database: Database, ann: str, role: str, mint: Callable[[Database], str], after: int
) -> None:
    assert not outlives(database, ann, role, mint, after)


def test_it_is_the_one_look_that_ends_it(database: Database, ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign-in and epoch read apart: the sign-out falls between, and the new epoch meets the old sign-in."""

    def apart(conn, credential, now):
        row = conn.execute(
            select(jupyter_server).where(jupyter_server.c.credential_digest == store.digest(credential))
        ).one()
        live = service.access(conn, row.person_id, now).live
        return LaunchedServer(row.person_id, row.id, Access(live, service.access(conn, row.person_id, now).epoch))

    monkeypatch.setattr(store, "find_server", apart)

    assert outlives(database, ann, "gateway", kernel_token, after=2)


@pytest.mark.parametrize("mint", [kernel_token, portal_token])
def test_a_token_minted_before_a_sign_out_is_committed_dies_with_it(
    database: Database, ann: str, mint: Callable[[Database], str]
) -> None:
    with database.engine("owner").begin() as conn:
        service.sign_out(conn, ann, LATER)
        token = mint(database)
        assert is_accepted(database, token)

    sign_in_again(database, ann)
    assert not is_accepted(database, token)


def open_session(database: Database, person_id: str, now: datetime = NOW) -> None:
    """Do what the end of a sign-in at the portal does."""
    with database.engine("web").begin() as conn:
        service.open_portal_session(conn, person_id, "late", "csrf", now, 7)


def session_outlives(database: Database, person_id: str, after: int) -> bool:
    """Sign out while a portal session is opened, then sign in again: tell whether the session of before is alive."""
    signing_out = threading.Thread(target=sign_out, args=(database, person_id))

    def begin() -> None:
        signing_out.start()
        is_over_or_waits(database, signing_out)

    with interrupted(database.engine("web"), after, begin), contextlib.suppress(NotSignedIn):
        open_session(database, person_id)
    signing_out.join(20)
    assert not signing_out.is_alive()
    sign_in_again(database, person_id)
    try:
        with database.engine("web").begin() as conn:
            service.portal_session(conn, "late", LATER)
    except NotSignedIn:
        return False
    return True


def is_over_or_waits(database: Database, signing_out: threading.Thread) -> None:
    """Return once the sign-out has committed, or waits for a lock of ours."""
    with database.engine("owner").connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        while signing_out.is_alive():
            if conn.scalar(text("select count(*) from pg_locks where not granted")):
                return


@pytest.mark.parametrize("after", MOMENTS)
def test_a_session_opened_during_a_sign_out_does_not_outlive_it(database: Database, ann: str, after: int) -> None:
    assert not session_outlives(database, ann, after)


def test_it_is_the_lock_that_ends_it(database: Database, ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "hold", lambda *_: None)

    assert session_outlives(database, ann, after=1)


def test_nobody_who_may_not_act_opens_a_session(database: Database, ann: str) -> None:
    sign_out(database, ann)

    with pytest.raises(NotSignedIn):
        open_session(database, ann, LATER)


def test_no_token_is_minted_for_somebody_who_may_not_act(database: Database, ann: str) -> None:
    sign_out(database, ann)

    with pytest.raises(NotSignedIn, match="Your sign-in has ended"):
        kernel_token(database)
    with pytest.raises(NotSignedIn):
        portal_token(database)
