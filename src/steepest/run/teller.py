"""The record of a training, at any time of its course."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from steepest.methods.options import TrainOptions
from steepest.records.training import Group, Learned, Tensor, TrainingRecord, Trial
from steepest.records.verdict import Remedy
from steepest.run.saving import versions
from steepest.study.train.course import Course
from steepest.study.train.measure import (
    arrays,
    explained,
    input_facts,
    judged,
    plane,
    reach_of,
)
from steepest.words.version import version


class Teller:
    """Makes the record of a course, at any time."""

    def __init__(
        self,
        course: Course,
        asked: TrainOptions,
        data: Any,
        why: str,
        trials: tuple[Trial, ...],
        fingerprint: str,
    ):
        self.course, self.asked, self.data = course, asked, data
        self.why, self.trials, self.fingerprint = why, trials, fingerprint
        # One pass over all rows, not one each time that the training is kept.
        self._inputs = input_facts(course.plan.split, course)

    @cached_property
    def whole(self) -> tuple[float, float]:
        """The loss over all rows that are learned from, at the first weights and where it stands.

        To be asked for when the training is over.
        """
        plan = self.course.plan
        return plan.whole_loss(plan.first_weights()), plan.whole_loss(self.course.stand.weights)

    def record(
        self,
        trials: tuple[Trial, ...] | None = None,
        remedies: tuple[Remedy, ...] = (),
        *,
        final: bool = False,
    ) -> TrainingRecord:
        """Everything known; where it is `final`, measured on the rows too."""
        course, plan = self.course, self.course.plan
        recorder, network = course.recorder, plan.network
        momentum = plan.momentum
        return TrainingRecord(
            version=version(),
            model=network.text,
            tensors=tuple(
                Tensor(tensor, f"layer {tensor[1:]}", "Linear", shape, group=0)
                for tensor, shape in zip(network.names, network.shapes, strict=True)
            ),
            groups=(Group(plan.optimizer, plan.optimizer, momentum),),
            trace=course.trace,
            facts=recorder.facts(),
            steps=course.step,
            every=1,
            losses=recorder.losses(),
            inputs=self._inputs,
            noise=recorder.noise,
            activations=tuple(course.activations),
            probes=tuple(course.probes),
            validations=tuple(course.validations),
            ended="closed" if final else "still running",
            seconds=course.seconds,
            cost=course.probing,
            versions=versions(),
            learned=self._learned(self.trials if trials is None else trials, final),
            remedies=remedies,
            standstill=course.standstill(self.fingerprint),
        )

    def _learned(self, trials: tuple[Trial, ...], final: bool) -> Learned:
        course, plan = self.course, self.course.plan
        split, rows = plan.split, plan.split.learned
        best = course.best_epoch
        found = judged(course, split) if final else None
        data = path_of(self.data)
        return Learned(
            network=plan.network.text,
            loss=plan.loss,
            optimizer=plan.optimizer,
            momentum=plan.momentum,
            lr=plan.lr,
            lr_chosen=self.why,
            schedule=plan.schedule,
            batch_rows=plan.batch_rows,
            seed=plan.seed,
            source=rows.source,
            target=rows.target,
            inputs=rows.names,
            rows=len(rows),
            held_out=0 if split.held is None else len(split.held),
            left_out=rows.left_out,
            classes=rows.classes,
            picture=rows.picture,
            channels=rows.channels,
            kind=rows.kind,
            stopped=course.stopped,
            stopped_why=course.stopped_why,
            epochs=tuple(course.epochs),
            weights=arrays(course.weights),
            shift=split.shift,
            scale=split.scale,
            best=None if best is None else best.number,
            metrics={} if found is None else found.metrics,
            confusion=None if found is None else found.confusion,
            wrong=None if found is None else found.wrong,
            wrong_inputs=None if found is None else found.wrong_inputs,
            whole=self.whole if final else None,
            reach=reach_of(course) if final else None,
            trials=trials,
            explained=explained(course, split) if final else None,
            plane=plane(course, split) if final else None,
            call={**({} if data is None else {"data": data}), **self.asked.given()},
        )


def path_of(data: Any) -> str | None:
    """The path of data that has one."""
    return os.fsdecode(data) if isinstance(data, str | os.PathLike) else None
