"""Judging: measurements in, a verdict out. One file a family, one registry, a page a check."""

from __future__ import annotations

from steepest.checks.headline import headline
from steepest.checks.learning_rate import judge_rate
from steepest.checks.registry import CHECKS, Check, page
from steepest.records.verdict import Measurements, Verdict

__all__ = ["CHECKS", "Check", "judge", "page"]

_ORDER = {"error": 0, "warning": 1, "info": 2}


def judge(measurements: Measurements) -> Verdict:
    """Return the word about the learning rate, the headline, and the findings, gravest first.

    Nothing is measured here, so the verdict is the same live and from a stored run.
    """
    rate = judge_rate(measurements)
    findings = [
        finding
        for check in CHECKS.values()
        if check.function is not None
        for finding in check.function(measurements)
    ]
    findings.sort(key=lambda finding: (_ORDER[finding.severity], finding.code))
    return Verdict(rate.word, headline(measurements, rate), tuple(findings))
