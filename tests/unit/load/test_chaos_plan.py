"""The plan of a run of chaos, and what its verdict says of counts."""

import argparse

from loadtests.chaos.plan import KINDS, drawn
from loadtests.chaos.report import line
from loadtests.chaos.verdict import Verdict

CALM_S = (0.2, 1.0)


def test_equal_seeds_give_equal_plans_and_other_seeds_others() -> None:
    assert drawn(7, 30, CALM_S) == drawn(7, 30, CALM_S)
    assert drawn(7, 30, CALM_S) != drawn(8, 30, CALM_S)


def test_a_longer_plan_begins_like_a_shorter_one() -> None:
    assert list(drawn(7, 40, CALM_S)[:11]) == list(drawn(7, 11, CALM_S))


def test_each_kind_is_struck_once_before_any_is_struck_twice() -> None:
    kinds = [strike.kind for strike in drawn(3, 2 * len(KINDS), CALM_S)]

    assert sorted(kinds[: len(KINDS)]) == sorted(KINDS) == sorted(kinds[len(KINDS) :])


def test_only_a_freeze_lasts_and_longer_than_a_producer_waits() -> None:
    lasting = {strike.kind: strike.lasts_s for strike in drawn(7, len(KINDS), CALM_S)}

    assert {kind for kind, lasts_s in lasting.items() if lasts_s} == {"broker-freeze"}
    assert lasting["broker-freeze"] > 5


def test_one_claim_that_does_not_hold_fails_the_run_and_the_line_says_so() -> None:
    verdict = Verdict(counts={"accepted": 10, "archived": 9, "missing": 1})
    verdict.must(claim=True, otherwise="never said")
    before = verdict.has_passed

    verdict.must(claim=False, otherwise="accepted and not archived: e1 …")

    assert before
    assert not verdict.has_passed
    said = line(3, 4, argparse.Namespace(seed=7, brokers=1), verdict)
    assert said.startswith("chaos: 3 of 4 rounds, seed 7, 1 broker(s): 10 accepted, 9 archived")
    assert said.endswith("FAILED")
