"""What a configuration expects of a run: its models, artifacts, timings and studies, and their records.

`rules/common.smk` makes them once; rules take their inputs and wildcards from them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from pinch.report import contents
from pinch.run import activations, comparing, exported, formats, record_paths, rivals, seeds, studies
from pinch.run.identity import METHODS, Artifact, Model, Timing, seed_suffix
from pinch.run.manifest import Manifest
from pinch.weights.pruning import kinds


class Expected:
    """What a run makes and measures.

    Attributes:
        base: the unpruned model.
        twin_method: the method as after which the base's twin is tuned; None if there is no twin.
        twin: the base, tuned as pruned models are; empty if there is none.
        tuned: pruned models and rivals, tuned.
        models: those that tables show: the base, its twin and all tuned ones.
        trained: the base if the run trains it, or nothing.
        seeds: the seed of each model, by the part of its name that tells the seed.
        others: the same models with the other seeds: made and evaluated, but not exported.
        artifacts: the exported files, by name.
        timings: of artifacts on the devices of this run.
        studies: names of the studies that are asked for.
    """

    def __init__(self, config: Mapping[str, Any], imported: Iterable[str] = ()):
        """Of a configuration.

        Args:
            config: with all defaults, and checked against the schema.
            imported: names of the records of times from other devices.

        Raises:
            PinchError: the configuration asks for models, seeds or formats that cannot be.
        """
        self._config, self._imported = config, list(imported)
        self._specs = [formats.parse_spec(spec) for spec in config["export"]["artifacts"]]
        name, own, others = config["name"], config["seed"], seeds.others(config)
        self.base = Model(name)
        self.twin_method = comparing.twin_method(config)
        self.twin = [Model(name, tuned=True)] if self.twin_method else []
        self.tuned = [
            Model(name, method, ratio, True) for method in METHODS for ratio in sorted(config[method]["ratios"])
        ]
        self.tuned += rivals.models(config)
        self.models = [self.base, *self.twin, *self.tuned]
        # A trained base is the same for all seeds.
        self.trained = [] if config["trained_model"] else [self.base]
        made = [*self.trained, *self.twin, *self.tuned]
        # The data, and whatever measures, have the run's own seed.
        self.seeds = {seed_suffix(None): own} | {seed_suffix(seed): seed for seed in others}
        self.others = [replace(model, seed=seed) for seed in others for model in made]
        self.artifacts = {artifact.file: artifact for artifact in self._exported()}
        self.timings = [
            Timing(device, threads, artifact)
            for device in config["measure"]["devices"]
            for threads in (config["measure"]["threads"] if device == "cpu" else [1])
            for artifact in self.artifacts.values()
            if device in artifact.format.devices
        ]
        asked_for = {
            "layers": config["sensitivity"]["scan"] or self.needs_scan,
            "explain": config["sensitivity"]["explain"],
        }
        self.studies = [study for study in studies.STUDIES if asked_for[study]]

    def _exported(self) -> Iterable[Artifact]:
        export, own = self._config["export"], self._config["train"]["imgsz"]
        sizes = [None, *(size for size in export["imgsz"] if size != own)]
        for model in exported.models(export["models"], self.base, self.twin, self.tuned):
            # A rival in size has that size alone.
            for size in sizes if model.imgsz is None else [None]:
                for precision, entry in self._specs:
                    yield Artifact(model, entry, precision, size)

    @cached_property
    def coarse_options(self) -> set[str]:
        """Options that this kind of coarse pruning has: commands refuse those of other kinds."""
        return kinds.coarse_options(*(self._config["coarse"][key] for key in ("mode", "ranking", "spread")))

    @property
    def needs_scan(self) -> bool:
        """Whether coarse pruning reads the layer scan."""
        return "scan" in self.coarse_options

    @cached_property
    def own_sizes(self) -> dict[str, int]:
        """Image sizes of models that have another one than the base, by name."""
        models = (*self.tuned, *self.others)
        return {str(each): each.imgsz for model in models for each in (model, model.untuned) if each.imgsz}

    @cached_property
    def baseline(self) -> list[str]:
        """The artifact in turns with which all are timed, so that ratios hold when the machine's speed drifts."""
        wanted = (self.base, None, *formats.REFERENCE)
        found = self.artifacts.items()
        return [file for file, each in found if (each.model, each.size, each.precision, each.format.name) == wanted]

    def study_parts(self, study: str) -> list[str]:
        """The names of the parts of a study, asked for or not."""
        return studies.parts(study, self._config["sensitivity"]["ratios"])

    @cached_property
    def model_records(self) -> list[str]:
        """Of the accuracy of all models, before and after tuning."""
        return [record_paths.accuracy(model) for model in (*self.models, *_untuned(self.tuned))]

    @cached_property
    def seed_records(self) -> list[str]:
        """Of the models of other seeds: their accuracy, and how they were made."""
        pruned = _untuned(model for model in self.others if model.method != "none")
        found = [record_paths.accuracy(model) for model in (*self.others, *pruned)]
        found += [record_paths.training(model) for model in self.others]
        return found + [record_paths.pruning(model) for model in pruned]

    @cached_property
    def training_records(self) -> list[str]:
        """Of all trainings of the run's own seed."""
        return [record_paths.training(model) for model in (*self.trained, *self.twin, *self.tuned)]

    @cached_property
    def export_records(self) -> list[str]:
        """Of all exports."""
        return [record_paths.export(file) for file in self.artifacts]

    @cached_property
    def artifact_records(self) -> list[str]:
        """Of the accuracy of all artifacts."""
        return [record_paths.accuracy(file) for file in self.artifacts]

    @cached_property
    def records(self) -> list[str]:
        """All that tables are gathered from."""
        return [
            *(record_paths.study(study) for study in self.studies),
            *self.model_records,
            *self.training_records,
            *(record_paths.pruning(model) for model in _untuned(self.tuned)),
            *self.seed_records,
            *self.export_records,
            *self.artifact_records,
            *(record_paths.inference(timing.place, timing.artifact.file) for timing in self.timings),
            *(record_paths.imported(name) for name in self._imported),
        ]

    @cached_property
    def evidence(self) -> list[str]:
        """What matching found in each image, of all that tables compare: beside the records of accuracy."""
        return [f"records/accuracy/{name}.npz" for name in (*self.models, *self.artifacts)]

    @cached_property
    def study_plots(self) -> list[str]:
        """Of the studies that are asked for."""
        return [contents.STUDY_PLOTS[study] for study in self.studies]

    @cached_property
    def optional_plots(self) -> list[str]:
        """Plots of the report that this run has and others have not."""
        pictures = [] if self._config["hide_images"] else [contents.SAMPLES, contents.FAILURES]
        return pictures + self.study_plots

    @cached_property
    def optional_tables(self) -> list[str]:
        """The same of tables."""
        over_seeds = [contents.OVER_SEEDS] if self.others else []
        # Where accuracy is measured on a part of test, the chosen artifacts are measured on all of it.
        return over_seeds + ([contents.CHOSEN] if self._config["evaluate"]["limit"] else [])

    @property
    def optional(self) -> list[str]:
        """Both."""
        return self.optional_plots + self.optional_tables

    def slow_files(self) -> list[str]:
        """A sentence for each kind of file that is known to be slow."""
        methods = {artifact.model.method for artifact in self.artifacts.values()}
        named = sorted(filter(None, {activations.configured(self._config, method) for method in methods}))
        return [
            f"{key}: {activation}: {precision}{entry.ending} files of models with it will be slow, because {reason}"
            for key, activation in named
            for precision, entry in self._specs
            if (reason := entry.slow.get((precision, activation)))
        ]

    @property
    def manifest(self) -> Manifest:
        """The same as the content of manifest.json."""
        artifacts = list(self.artifacts.values())
        own = self._config["seed"]
        return Manifest(self.models, artifacts, self.timings, self.studies, self.others, own, self._imported)


def _untuned(models: Iterable[Model]) -> Sequence[Model]:
    return [model.untuned for model in models]
