from __future__ import annotations


def test_a_server_starts_on_its_persons_own_host(house):
    browser = house.sign_in("ann")
    person_id = house.person_id("ann")

    house.start_server(person_id)
    answer = browser.get(f"/user/{person_id}/lab", f"{person_id}.localhost")

    assert answer.status_code == 200
    assert "jupyter-config-data" in answer.text
