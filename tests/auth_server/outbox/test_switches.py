"""Each mail is one that people can switch off, always get, or have just asked for."""

from typing import get_args

from auth_server.outbox.queue import Template
from auth_server.outbox.switches import ALWAYS, ASKED_FOR, SWITCHES, is_wanted


def test_each_mail_is_of_exactly_one_kind() -> None:
    switched = [template for each in SWITCHES for template in each.templates]
    always = [template for _, templates in ALWAYS for template in templates]
    assert sorted([*switched, *always, *ASKED_FOR]) == sorted(get_args(Template))


def test_only_what_can_be_switched_off_is() -> None:
    everything = [each.key for each in SWITCHES] + list(get_args(Template))
    kept = {each for each in get_args(Template) if is_wanted(each, everything)}
    assert kept == {*ASKED_FOR, *(each for _, templates in ALWAYS for each in templates)}
