"""A loaded model: what is compiled of it, what runs that, and what is listed of its heads."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks, deprecation
from yamjit.calibration import choose_calibrations
from yamjit.categories import Categories
from yamjit.compiled.loading import load_compiled
from yamjit.errors import InputError, ModelError, of_model_file
from yamjit.frontend import FrontEnd
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo, HeadRecord
from yamjit.kernels import load_backend
from yamjit.keywords import explained
from yamjit.listing import Listing
from yamjit.network import Network
from yamjit.options import ClassifierOptions
from yamjit.plan.plan import Plan
from yamjit.reading import ReadOptions
from yamjit.sample_windows import NetworkFrames, SampleWindows
from yamjit.scoring import FeatureScorer, Scorer, ScoringNetwork
from yamjit.spec import EMBEDDING, MOST_THREADS
from yamjit.store import ResolvedModel
from yamjit.text import plural, printable

if TYPE_CHECKING:
    from yamjit.head_networks import HeadNetworks
    from yamjit.plan.features import Feature
    from yamjit.plan.roles import Role
    from yamjit.provenance import Provenance
    from yamjit.tflite.graph import Graph

__all__ = ["Model"]

_Self = TypeVar("_Self", bound="Model")


@explained
class Model:
    """A loaded model: what is compiled of it, what runs that, and what is listed of its heads.

    For attributes see `Classifier`.

    `threads`, in [1, 256], counts those per recording, including the caller's; scores do not depend on it.
    """

    def __init_subclass__(cls) -> None:
        explained(cls)

    def __init__(
        self,
        source: ResolvedModel,
        *,
        backend: str = "auto",
        threads: int = 1,
        options: ClassifierOptions | None = None,
        roles: Sequence[str] | None = None,
        heads: Sequence[ResolvedModel] = (),
    ) -> None:
        self.threads: int = checks.whole(threads, "threads", 1, MOST_THREADS)
        self._backend_name = backend
        self._roles: tuple[Role, ...] | None = None
        if roles is not None:
            from yamjit.plan.roles import read_roles  # with what graphs are read by, which a plan file does without

            self._roles = read_roles(roles)
        loaded = self._backend = load_backend(backend)
        self.source = source
        with of_model_file(source.name):
            compiled = load_compiled(source, loaded, self._roles)
        self._compiled = compiled
        self.plan: Plan = compiled.plan
        self.sample_rate: int = compiled.sample_rate
        self.network = Network(self.plan, loaded)
        self._front_end = FrontEnd(self.plan.front_end, loaded) if self.plan.front_end is not None else None
        self._attached: HeadNetworks | None = None
        #: Networks by the features that they compute.
        self._feature_networks: dict[tuple[str, ...], Network] = {}
        if heads:
            from yamjit.head_networks import HeadNetworks

            self._attached = HeadNetworks(heads, self.network, loaded)
        #: What gives the scores: the model's network, or those of the heads that it was loaded with.
        self.scoring_network: ScoringNetwork = self._attached or self.network
        if not self.head_records:
            raise ModelError(
                "a model with an output of scores is accepted, this one has embeddings: give heads with it"
            )
        self._set_options(ClassifierOptions() if options is None else options)

    def _set_options(self, options: ClassifierOptions) -> None:
        if not isinstance(options, ClassifierOptions):
            raise InputError(f"options is {checks.shown(options)}; ClassifierOptions are accepted")
        self.options = options
        with of_model_file(self.source.name):
            heads = [record.info(i, options.display_names_locale) for i, record in enumerate(self.head_records)]
        self.heads: tuple[HeadInfo, ...] = choose_heads(heads, options.head)
        self.labels: tuple[str, ...] = self.heads[0].labels
        self._listing = Listing(self.heads, options)
        self.categories: tuple[Categories, ...] = self._listing.categories
        self.__dict__.pop("_scorer", None)  # that of other options
        self._calibrations = choose_calibrations(
            options.calibration, [head.calibration for head in self.heads], [len(head.labels) for head in self.heads]
        )

    @explained
    @deprecation.retired(
        {field.name: "with_options(ClassifierOptions(...))" for field in dataclasses.fields(ClassifierOptions)},
        lambda args, old: {"options": dataclasses.replace(args[0].options, **old)},
    )
    def with_options(self: _Self, options: ClassifierOptions) -> _Self:
        """Return the same model with other options; both share what is loaded.

        Parameters
        ----------
        options : ClassifierOptions
            All options of the new classifier; ``dataclasses.replace(model.options, head=...)`` changes some of them.
        """
        other = copy.copy(self)
        other._set_options(options)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it is made of: the model's file, the backend, the threads and the options."""
        made = functools.partial(
            type(self),
            backend=self._backend_name,
            threads=self.threads,
            options=self.options,
            roles=self.roles,
            heads=self.head_sources,
        )
        return made, (self.source,)

    def __copy__(self: _Self) -> _Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        return copy.copy(self)

    def _with_head(self: _Self, head: str | int | None) -> _Self:
        return self if head is None else self.with_options(dataclasses.replace(self.options, head=head))

    @functools.cached_property
    def _scorer(self) -> Scorer:
        outputs = [head.index for head in self.heads]
        return Scorer(self._cutter, self.scoring_network, self._calibrations, self.sample_rate, outputs)

    def scored_by(self: _Self, network: ScoringNetwork) -> _Self:
        """Return the same model with another way to run what gives the scores."""
        other = copy.copy(self)
        other.scoring_network = network
        other.__dict__.pop("_scorer", None)
        return other

    def _hop(self, reading: ReadOptions) -> int:
        """Return a hop in samples."""
        return reading.hop(self.window_samples, self.sample_rate)

    @property
    def name(self) -> str:
        """Name of a published model, else the one in the metadata, else empty."""
        known = self.source.known
        return known.name if known else printable(self._compiled.name)

    @property
    def roles(self) -> tuple[str, ...] | None:
        """What the caller said each output of the file is; None where that was found."""
        return None if self._roles is None else tuple(role.value for role in self._roles)

    @property
    def verified(self) -> bool:
        """Whether the model is a published file, recognised by its hash."""
        return self.source.verified

    @property
    def provenance(self) -> Provenance | None:
        """What yamjit keeps about a model that it wrote; None for other models."""
        return self._compiled.provenance

    @property
    def head_records(self) -> tuple[HeadRecord, ...]:
        """What the model says about each of its outputs, in every language that it has, whatever the options choose.

        Where it was loaded with heads, these say it of theirs.
        """
        return self._attached.records if self._attached else self._compiled.heads

    @property
    def head_sources(self) -> tuple[ResolvedModel, ...]:
        """The files of the heads that the model was loaded with, whose outputs stand in place of its own."""
        return self._attached.sources if self._attached else ()

    @property
    def head_plans(self) -> tuple[Plan, ...]:
        """What is computed of each of these heads."""
        return self._attached.plans if self._attached else ()

    @functools.cached_property
    def graph(self) -> Graph:
        """The graph of the model, read from its file when it is first asked for."""
        from yamjit.tflite.reader import read_graph

        return read_graph(self.source.data)

    @property
    def made_here(self) -> bool:
        """Whether yamjit wrote the model, and nothing has changed it since."""
        return self.provenance is not None and self.provenance.unchanged

    @property
    def front_end(self) -> FrontEnd:
        """The log-mel front end: the model's own, or YAMNet's where it takes YAMNet's patches, (96, 64).

        Raises
        ------
        ModelError
            If the model takes patches of another shape, which `network` runs, or its network takes samples.
        """
        if self.plan.takes_embeddings:
            size = self.plan.patch_shape[0]
            raise ModelError(
                f"this model is a head alone, from embeddings of {size} values: give it to the model of these, by "
                "--head FILE or yamjit.load(heads=[FILE]); .network.run(embeddings) runs it by itself"
            )
        if self._front_end is None and self.plan.takes_samples:
            raise ModelError("the network of this model takes samples: there is no log-mel spectrogram apart from it")
        if self._front_end is None:
            raise ModelError(
                f"this model takes patches {self.plan.patch_shape}, and samples make YAMNet's log-mel patches alone, "
                "(96, 64): use .network.run(patches)"
            )
        return self._front_end

    @property
    def band_hz(self) -> npt.NDArray[np.float64]:
        """Centre of each mel band, in Hz: the mean of its frequencies by their weights; raises as `front_end` does."""
        constants = self.front_end.constants
        basis = constants.mel_basis.astype(np.float64)
        hz, total = np.arange(basis.shape[1]) * self.sample_rate / constants.n_fft, basis.sum(axis=1)
        return np.divide(basis @ hz, total, out=np.zeros(len(basis)), where=total > 0)

    def check_embedding(self) -> None:
        """Raise a `ModelError` if the model has no embedding."""
        if self.plan.embedding is None:
            raise ModelError("the model has no embedding: no mean over positions from which its scores are computed")

    @functools.cached_property
    def features(self) -> Mapping[str, int]:
        """The features that `Classifier.embed` can compute, and the number of values of each, from the model's graph.

        "embedding", if there is one, comes first; then the mean and the greatest values over time of each layer's map,
        with frequency kept, by depth: "layer1_mean", "layer1_max", "layer2_mean" and so on.
        """
        return {feature.name: feature.size for feature in self._found_features.values()}

    @functools.cached_property
    def _found_features(self) -> dict[str, Feature]:
        from yamjit.plan.features import find_features

        return {feature.name: feature for feature in find_features(self.graph, self._roles)}

    def check_features(self, features: str | Sequence[str]) -> tuple[str, ...]:
        """Return names of features as a tuple, each once; other names, or none, are an `InputError`."""
        names = (features,) if isinstance(features, str) else checks.elements(features, "features", "names")
        for name in names:
            checks.text(name, "features")
        if names == (EMBEDDING,):  # for which no graph is read
            self.check_embedding()
            return names
        if not self.features:
            raise ModelError("the model has no features: neither an embedding, nor layers with several places in time")
        if not names:
            raise InputError("no features were named; at least one is accepted")
        return tuple(dict.fromkeys(checks.choice(name, "features", self.features) for name in names))

    def feature_size(self, name: str) -> int:
        """Return the number of values of a feature; see `check_features` for errors."""
        self.check_features((name,))
        slot = self.plan.embedding if name == EMBEDDING else None
        return math.prod(slot.shape) if slot else self.features[name]

    def feature_scorer(self, features: str | Sequence[str]) -> FeatureScorer:
        """Return what computes features of patches, all in one pass; see `check_features` for errors."""
        names = self.check_features(features)
        network = self.network if names == (EMBEDDING,) else self._feature_networks.get(names)
        if network is None:
            from yamjit.plan.features import compile_features

            found = [self._found_features[name] for name in names]
            with of_model_file(self.source.name):
                plan, slots = compile_features(self.graph, found)
            network = Network(plan, self._backend, slots)
            self._feature_networks[names] = network
        return FeatureScorer(self._cutter, network, self.sample_rate, names)

    @property
    def _frame_maker(self) -> FrontEnd:
        """What makes log-mel frames of samples: the front end, or a network that gives them as an output."""
        log_mel = self.plan.log_mel
        if log_mel is None:
            return self.front_end

        def compute(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            return self.network.run(windows, [log_mel.name]).tensors[log_mel.name].view(np.float32)

        return NetworkFrames(log_mel, self.window_samples, compute)

    @property
    def _cutter(self) -> FrontEnd:
        """What makes patches of samples: the front end, or windows of samples as they are."""
        if self._front_end is None and self.plan.takes_samples:
            return SampleWindows(*self.plan.patch_shape)
        return self.front_end

    @property
    def window_samples(self) -> int:
        """Samples of one window: 15,600 for YAMNet."""
        return self._cutter.constants.window_samples

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the weights of all layers in floating point, by name, see `yamjit.weights`."""
        from yamjit.weights import float_weights

        return float_weights(self.graph, self.plan)

    def __repr__(self) -> str:
        classes = " + ".join(str(len(head.labels)) for head in self.heads)
        of_heads = f" of {plural(len(self.head_sources), 'head')}" if self.head_sources else ""
        whose = "" if self.verified else " by yamjit" if self.made_here else " (not a published file)"
        name = self.name or "a model"
        return f"<{type(self).__name__}: {name}{whose}, {classes} classes{of_heads}, from {self.source.origin}>"
