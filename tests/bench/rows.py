# SPDX-License-Identifier: MIT
"""What is measured, a row each: pairs of seconds, ours and what they are compared with."""
import dataclasses
import typing

import hand
from field import LINKS, timed


@dataclasses.dataclass
class Row:
    name: str
    what: str
    against: str
    target: tuple  # within it is the median of ours divided by the median of theirs
    set_up: typing.Callable
    pair: typing.Callable  # (field, number) -> (ours, theirs); the order changes with the number


def in_turn(number, ours, theirs):
    """(ours, theirs), in seconds: one after the other, each as often first as second."""
    if number % 2 == 0:
        first = ours()
        return first, theirs()
    first = theirs()
    return ours(), first


def week(field):
    if not field.site.links():
        field.week()


def drop_last_link(field):
    """So that the next pair meets a chain of the same length."""
    chain = field.chain()
    if len(chain) >= LINKS:
        field.site.good("remove", chain[-1], "--force")


def rolled_base(field, number):
    """The base stands at the link before; proving the last one by hand means all of them."""
    site = field.site
    drop_last_link(field)
    site.good("verify", "latest", "--level=prepare")
    last = field.next_link()

    def ours():
        return timed(site.good, "verify", last, "--level=prepare")

    def theirs():
        place = field.new_directory("hand")
        seconds = timed(hand.prepare_chain, site, field.chain(), place)
        field.new_directory("hand")
        return seconds

    return in_turn(number, ours, theirs)


def drilled_week(field):
    """Each link was proven in the night in which it was taken; the disk is as it is then."""
    week(field)
    if len(field.chain()) < LINKS:
        field.next_link()
    field.site.good("verify", "latest", "--level=prepare")


def forecast(field, _number):
    """The forecast of before, and the restore; each restore teaches the next forecast."""
    target = field.new_directory("restored")
    plan = field.site.good("restore", f"--target-dir={target}", "--dry-run", "--output=json").json
    foretold = plan["instances"][0]["restore"]["forecast"]["seconds"]
    assert foretold is not None, "the drills of the nights taught nothing"
    took = timed(field.site.good, "restore", f"--target-dir={target}")
    field.new_directory("restored")
    return took, foretold


ROWS = [
    Row("S4", f"verify --level=prepare of link {LINKS}, on a rolling base",
        "unsealing and preparing the whole chain by hand", (0, 0.15), week, rolled_base),
    Row("F1", f"restore of link {LINKS}", "the forecast of it", (0.8, 1.25), drilled_week,
        forecast),
]
