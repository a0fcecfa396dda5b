"""What an attacker may have in hand: a person signed in, a server that runs, a token that leaked."""

from __future__ import annotations

from jupyterhub import orm
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from swap.launch import running


def token_of(house, person_id, scopes=("inherit",)):
    """Return a hub token of a person, as if theirs had got into the wrong hands."""
    engine = create_engine(house.database.url("hub"))
    with Session(engine) as session:
        user = session.query(orm.User).filter_by(name=person_id).one()
        value = orm.APIToken.new(user=user, scopes=list(scopes), expires_in=600)
    engine.dispose()
    return value


def person(house, name):
    browser = house.sign_in(name)
    browser.person_id = house.person_id(name)
    return browser


def served(house, name):
    """Return a signed-in person whose server runs and who has a cookie there."""
    browser = person(house, name)
    if running.find(house.state, browser.person_id) is None:
        house.start_server(browser.person_id)
    assert browser.get(f"/user/{browser.person_id}/lab", house.host(browser.person_id)).status_code == 200
    return browser
