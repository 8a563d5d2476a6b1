"""Who is what, by what the identity provider says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from fanout_tools.console.access import Role
from fanout_tools.console.people import Settings, UnknownPersonError, person_of, session_name
from tests.console.balancer import SETTINGS

ANN = {"email": "ann@example.org", "sub": "00u1"}


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["staff"], Role.OBSERVER),
        (["support", "staff"], Role.INVESTIGATOR),
        (["staff", "on-call"], Role.OPERATOR),
        ("on-call", Role.OPERATOR),
        ("[staff, on-call]", Role.OPERATOR),
        ("staff,support", Role.INVESTIGATOR),
        ('["support"]', Role.INVESTIGATOR),
        (["staff", 7, None], Role.OBSERVER),
    ],
)
def test_the_highest_role_of_the_groups_is_the_persons(groups: Any, role: Role) -> None:
    person = person_of({**ANN, "groups": groups}, SETTINGS)
    assert (person.name, person.role) == ("ann@example.org", role)


@pytest.mark.parametrize(
    "groups", [None, [], "", "[]", ["Staff"], ["staff "], "on-call-not", {"on-call": True}, 7, [["on-call"]]]
)
def test_nobody_has_a_role_by_another_group_or_none(groups: Any) -> None:
    with pytest.raises(UnknownPersonError, match="no group"):
        person_of({**ANN, "groups": groups}, SETTINGS)
    with pytest.raises(UnknownPersonError, match="no group"):
        person_of(ANN, SETTINGS)


@pytest.mark.parametrize("claims", [{}, {"email": ""}, {"email": " "}, {"email": 7}, {"email": None}])
def test_who_has_no_name_comes_not_in(claims: dict[str, Any]) -> None:
    with pytest.raises(UnknownPersonError, match="who you are"):
        person_of({"groups": ["on-call"], **claims}, SETTINGS)


@pytest.mark.parametrize("verified", [False, "false", "False"])
def test_an_address_that_nobody_has_verified_is_no_name(verified: Any) -> None:
    """GIVEN a provider where people write their own address WHEN it is not verified THEN it may be another's."""
    with pytest.raises(UnknownPersonError, match="not verified"):
        person_of({**ANN, "groups": ["staff"], "email_verified": verified}, SETTINGS)
    assert person_of({**ANN, "groups": ["staff"], "email_verified": "true"}, SETTINGS).name == "ann@example.org"


@pytest.mark.parametrize("name", ["ann@example.org", "a.b+c=d,e-f_g", "x" * 64])
def test_a_session_is_called_as_the_person_is(name: str) -> None:
    assert session_name(name) == name


def test_people_whose_names_do_not_fit_have_sessions_of_their_own() -> None:
    names = ["Ann Ö", "Ann Ä", "x" * 65, "x" * 66, "y", "auth0|17", "auth0/17"]
    sessions = [session_name(name) for name in names]
    assert len(set(sessions)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", it) for it in sessions)


@pytest.mark.parametrize(
    "change", [{"host": "Console.example.org"}, {"keys": "http://keys.example.org"}, {"admins": {}}, {"observer": {}}]
)
def test_settings_that_are_not_whole_start_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**SETTINGS.model_dump(), **change})
