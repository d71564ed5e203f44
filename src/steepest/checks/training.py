"""Judging a training: its record in, a verdict out."""

from __future__ import annotations

from steepest.checks.guess import most_frequent
from steepest.checks.log import judges
from steepest.checks.registry import CHECKS
from steepest.checks.training_rate import (
    TrainingRate,
    began_and_ended,
    judge_training_rate,
    over_all,
)
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding, Verdict
from steepest.words.wording import count, escaped, percent, together

_CAUSES = (
    "SD308", "SD303", "SD309", "SD310", "SD410", "SD411", "SD412", "SD416", "SD409", "SD413",
    "SD414", "SD415", "SD307", "SD304", "SD402", "SD101", "SD603", "SD205",
)  # fmt: skip
"""What is said before everything else: the first of these is at fault for those after it."""

_AFTER_A_BIRTH = _CAUSES[_CAUSES.index("SD402") :]
"""What is no cause of numbers that are known to have begun otherwise."""

_IDLE = "SD302"
"""Columns without information cost nothing but their weights: they are named as a cause last."""

_ORDER = {"error": 0, "warning": 1, "info": 2}


def judge_training(record: TrainingRecord) -> Verdict:
    """Return the word about the learning rate, the headline, and the findings, gravest first."""
    rate = judge_training_rate(record)
    findings = [
        finding
        for check in CHECKS.values()
        if check.of_training is not None
        for finding in check.of_training(record)
    ]
    findings.sort(key=lambda finding: (_ORDER[finding.severity], finding.code))
    return Verdict(rate.word, _headline(record, rate, findings), tuple(findings))


def not_judged(record: TrainingRecord) -> tuple[str, ...]:
    """The codes of the checks for which a log has nothing."""
    return tuple(
        check.code
        for check in CHECKS.values()
        if check.of_training is not None and not judges(record, check.code)
    )


def _headline(record: TrainingRecord, rate: TrainingRate, findings: list[Finding]) -> str:
    grave = [finding for finding in findings if finding.severity != "info"]
    born = [finding for finding in grave if _is_where_it_began(finding)]
    causes = [finding for code in _CAUSES for finding in grave if finding.code == code]
    place = next((i for i, one in enumerate(causes) if one.code in _AFTER_A_BIRTH), len(causes))
    causes[place:place] = born
    rest = sorted(grave, key=lambda finding: finding.code == _IDLE)
    gravest = next(iter([*causes, *rest]), None)
    if gravest is not None and gravest.code not in ("SD101", "SD102"):
        return f"{_result(record)}{gravest.sentence}"
    if rate.word == "not measured":
        result = _result(record)
        return f"{result}Whether the learning rate is right was not measured: {rate.reason}."
    if rate.word != "just right":
        return f"{_result(record)}The learning rate is {rate.word}: {rate.reason}."
    first, last = together(*began_and_ended(record))
    where = "" if record.learned is None else over_all(record.learned)
    return (
        f"{_result(record)}The learning rate is just right: the loss{where} went from {first} to "
        f"{last} in {count(record.steps, 'step')}."
    )


def _is_where_it_began(finding: Finding) -> bool:
    """Whether it says where a number was lost, and not only when; or that it was from the start."""
    of = finding.evidence
    return finding.code == "SD406" and bool(
        of.get("birth") or of.get("in_the_batch") or of.get("step") == 0
    )


def _result(record: TrainingRecord) -> str:
    """How well it did, which comes first: whatever could be better, this is what there is."""
    learned = record.learned
    if learned is None or "accuracy" not in learned.metrics:
        return ""
    where = "held out" if learned.held_out else "learned from"
    right = learned.metrics["accuracy"]
    text = f"{percent(right, 3)} of the rows {where} are right"
    guess = most_frequent(learned)
    if guess is None or guess.is_beaten_by(right):
        return f"{text}. "
    answer = f' "{escaped(guess.answer, 40)}"' if guess.answer else " the most frequent class"
    return f"{text}; always saying{answer} gets {percent(guess.share, 3)}. "
