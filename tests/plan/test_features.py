"""Features of inner layers: named by depth, found by structure, computed in one pass with the embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import yamjit
from tests.support.backends import BACKENDS
from tests.support.graphs import GraphBuilder
from yamjit.errors import InputError, ModelError
from yamjit.plan.features import compile_features, find_features
from yamjit.plan.roles import Role
from yamjit.tflite.graph import Activation, Graph, Op, Padding, Quantization
from yamjit.tflite.operators.binary import AddOptions
from yamjit.tflite.operators.movers import ReshapeOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.trained.heads import Dense

NOISE = np.random.default_rng(1).normal(0, 0.1, 16_000 * 3).astype(np.float32)


@pytest.fixture(scope="module", params=BACKENDS)
def model(request: pytest.FixtureRequest) -> yamjit.Classifier:
    return yamjit.load("starter", backend=request.param)


# -- Values -----------------------------------------------------------------------------------------------------


def maps(model: yamjit.Classifier, layer: int) -> np.ndarray:
    """Return the int8 maps of a layer of the starter, whose layers are a step and pairs of steps."""
    name, slot = next((name, slot) for name, slot in model.plan.slots.items() if slot.step == 2 * layer - 1)
    frames = model.log_mel(NOISE, 16_000)
    patches = np.stack([frames[start : start + 96] for start in range(0, len(frames) - 95, 48)])
    return slot.scale * (model.network.run(patches, [name]).tensors[name].astype(np.float64) - slot.zero_point)


@pytest.mark.parametrize("layer", [1, 6, 12, 14])
def test_a_feature_is_the_map_pooled_over_time(model: yamjit.Classifier, layer: int) -> None:
    wanted = maps(model, layer)
    found = {how: model.embed(NOISE, 16_000, features=f"layer{layer}_{how}") for how in ("mean", "max")}
    rows = wanted.shape[0], wanted.shape[2] * wanted.shape[3]
    np.testing.assert_allclose(found["max"], wanted.max(axis=1).reshape(rows), rtol=1e-6)
    step = np.diff(np.unique(wanted)).min()
    np.testing.assert_allclose(
        found["mean"], wanted.mean(axis=1).reshape(rows), atol=0.75 * step
    )  # TFLite rounds twice
    assert found["mean"].std(axis=0).max() > 0


def test_all_are_computed_in_one_pass(model: yamjit.Classifier) -> None:
    names = list(model.features)
    with model.feature_windows(NOISE, 16_000, features=names) as stream:
        parts = list(stream)
    assert stream.summary().windows == sum(map(len, parts))
    for name in ("embedding", "layer3_max", "layer8_mean", "layer14_max"):
        together = np.concatenate([part.features[name].real() for part in parts])
        np.testing.assert_array_equal(together, model.embed(NOISE, 16_000, features=name))
        assert together.shape[1] == model.features[name]
    np.testing.assert_array_equal(model.embed(NOISE, 16_000), model.classify(NOISE, 16_000).embeddings)


def test_threads_and_channels(model: yamjit.Classifier) -> None:
    wanted = model.embed(NOISE, 16_000, features="layer6_mean")
    several = yamjit.load("starter", backend="numpy", threads=2)
    np.testing.assert_array_equal(several.embed(NOISE, 16_000, features="layer6_mean"), wanted)
    stereo = np.stack([NOISE, np.zeros_like(NOISE)], axis=1)
    reading = yamjit.ReadOptions(channel="each")
    with several.feature_windows(stereo, 16_000, features="layer6_mean", reading=reading) as stream:
        first = [part.features["layer6_mean"].real() for part in stream if part.channel == 0]
    np.testing.assert_array_equal(np.concatenate(first), wanted)


@pytest.mark.model
def test_names_and_sizes_of_yamnet(official_model_path: object) -> None:
    features = yamjit.load(official_model_path, backend="numpy").features
    assert len(features) == 1 + 2 * 14
    assert features["embedding"] == features["layer1_mean"] == 1024
    assert {features[f"layer{layer}_{how}"] for layer in range(2, 15) for how in ("mean", "max")} == {2048}


# -- Names ------------------------------------------------------------------------------------------------------


def test_other_names_are_refused() -> None:
    model = yamjit.load("starter", backend="numpy")
    with pytest.raises(
        InputError, match=r"features is 'layer6_men'; accepted are embedding, layer1_mean, .*layer6_mean"
    ):
        model.embed(NOISE, 16_000, features="layer6_men")
    with pytest.raises(InputError, match="layer15_mean"):
        model.feature_windows(NOISE, 16_000, features=["embedding", "layer15_mean"])
    with pytest.raises(InputError, match="at least one"):
        model.feature_windows(NOISE, 16_000, features=[])
    for wrong in (3, None, {"embedding": 1}):
        with pytest.raises(InputError, match="features"):
            model.embed(NOISE, 16_000, features=wrong)  # type: ignore[arg-type]


# -- Structure --------------------------------------------------------------------------------------------------


class Net(GraphBuilder):
    """A network of float32, layer after layer."""

    def __init__(self, shape: Sequence[int] = (1, 12, 8)) -> None:
        super().__init__()
        self.start = self.activation(shape)
        self.at = self.reshape(self.start, (*shape, 1))
        self.dice = np.random.default_rng(0)

    def shape(self) -> tuple[int, ...]:
        return self.tensor(self.at).shape

    def reshape(self, source: int, shape: tuple[int, ...]) -> int:
        self.at = self.operator(
            Op.RESHAPE,
            [source, self.constant(np.array(shape, np.int32))],
            self.activation(shape),
            ReshapeOptions(shape),
        )
        return self.at

    def random(self, *shape: int) -> int:
        return self.constant(self.dice.normal(0, 0.3, shape).astype(np.float32))

    def conv(self, channels: int, kernel: int = 1) -> int:
        *place, given = self.shape()
        inputs = [self.at, self.random(channels, kernel, kernel, given), self.random(channels)]
        options = Conv2DOptions(Padding.SAME, 1, 1, 1, 1, Activation.NONE)
        self.at = self.operator(Op.CONV_2D, inputs, self.activation((*place, channels)), options, version=1)
        return self.at

    def depthwise(self, multiplier: int = 1) -> int:
        *place, given = self.shape()
        channels = given * multiplier
        inputs = [self.at, self.random(1, 3, 3, channels), self.random(channels)]
        options = DepthwiseConv2DOptions(Padding.SAME, 1, 1, 1, 1, Activation.NONE, multiplier)
        self.at = self.operator(Op.DEPTHWISE_CONV_2D, inputs, self.activation((*place, channels)), options, version=1)
        return self.at

    def relu(self) -> int:
        self.at = self.operator(Op.RELU, [self.at], self.activation(self.shape()))
        return self.at

    def scores(self, classes: int = 3) -> int:
        *_, channels = self.shape()
        axes = self.constant(np.array([1, 2], np.int32))
        mean = self.operator(Op.MEAN, [self.at, axes], self.activation((1, channels)), ReducerOptions(), version=1)
        return self.ended(mean, channels, classes)

    def ended(self, values: int, size: int, classes: int = 3) -> int:
        inputs = [values, self.random(classes, size), self.random(classes)]
        options = FullyConnectedOptions(Activation.NONE)
        logits = self.operator(Op.FULLY_CONNECTED, inputs, self.activation((1, classes)), options, version=1)
        return self.operator(Op.LOGISTIC, [logits], self.activation((1, classes)), version=1)

    def done(self, *outputs: int) -> Graph:
        return self.build([self.start], outputs)


def found(graph: Graph) -> dict[str, int]:
    return {feature.name: feature.tensor for feature in find_features(graph) if not feature.name.endswith("_max")}


def test_a_layer_ends_after_what_is_done_value_by_value() -> None:
    net = Net()
    net.conv(4, 3)
    first = net.relu()
    net.depthwise()
    net.relu()
    net.conv(6)
    second = net.relu()
    graph = net.done(net.scores())
    assert found(graph) == {"embedding": net.tensor(second).index + 2, "layer1_mean": first, "layer2_mean": second}


def test_a_depthwise_convolution_by_itself_is_a_layer() -> None:
    net = Net()
    first = net.depthwise(4)
    net.depthwise()
    second = net.conv(6)
    third = net.depthwise()
    graph = net.done(net.scores())
    assert [found(graph)[f"layer{layer}_mean"] for layer in (1, 2, 3)] == [first, second, third]


def test_where_ways_meet_the_longer_one_counts() -> None:
    net = Net()
    skipped = net.conv(4, 3)
    net.depthwise()
    net.conv(4)
    net.at = net.operator(Op.ADD, [skipped, net.at], net.activation(net.shape()), AddOptions())
    joined = net.at
    graph = net.done(net.scores())
    assert list(found(graph).values())[1:] == [skipped, joined]


def test_without_an_embedding_there_are_layers() -> None:
    net = Net()
    net.conv(4, 3)
    flat = net.reshape(net.at, (1, 12 * 8 * 4))
    graph = net.done(net.ended(flat, 12 * 8 * 4))
    assert [feature.name for feature in find_features(graph)] == ["layer1_mean", "layer1_max"]


def test_maps_of_one_place_in_time_are_left_out() -> None:
    net = Net((1, 1, 8))
    net.conv(4)
    assert list(found(net.done(net.scores()))) == ["embedding"]


def test_a_map_of_several_scales_is_left_out() -> None:
    net = Net()
    channel = Quantization(np.array([0.1, 0.2], np.float32), np.zeros(2, np.int64), 3)
    several = net.activation((1, 12, 8, 2), np.int8, channel)
    net.at = net.operator(Op.CONV_2D, [net.at, net.random(2, 1, 1, 1)], several, Conv2DOptions())
    assert list(found(net.done(net.scores()))) == ["embedding"]


def test_roles_say_where_the_scores_are() -> None:
    net = Net()
    net.conv(4, 3)
    side = net.operator(
        Op.MAX_POOL_2D,
        [net.at],
        net.activation((1, 1, 1, 4)),
        Pool2DOptions(Padding.VALID, 1, 1, 12, 8, Activation.NONE),
    )
    net.conv(5)
    scores = net.scores()
    graph = net.done(side, scores)
    names = [feature.name for feature in find_features(graph, [Role.EMBEDDINGS, Role.SCORES])]
    assert names == ["embedding", "layer1_mean", "layer1_max", "layer2_mean", "layer2_max"]
    assert find_features(graph, [Role.EMBEDDINGS, Role.SCORES])[0].tensor == side
    plan, slots = compile_features(graph, find_features(graph, [Role.EMBEDDINGS, Role.SCORES]))
    assert [slot.shape[-1] for slot in slots] == [4, 32, 32, 40, 40]
    assert not plan.heads


@pytest.mark.parametrize("backend", BACKENDS)
def test_floats(backend: str) -> None:
    net = Net()
    net.conv(4, 3)
    net.relu()
    last = net.conv(6)
    graph = net.done(net.scores())
    plan, slots = compile_features(graph, find_features(graph))
    patches = np.random.default_rng(3).normal(0, 1, (5, 12, 8)).astype(np.float32)
    network = yamjit.network.Network(plan, backend, slots)
    answers = [answer.real() for answer in network.answers(patches)]
    values = network.run(patches, [graph.tensors[last].name]).tensors[graph.tensors[last].name].view(np.float32)
    values = values.reshape(5, 12, 48)
    np.testing.assert_allclose(answers[3], values.mean(axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(answers[4], values.max(axis=1))


def test_a_head_alone_has_no_features(small_model_path: object) -> None:
    from yamjit import learn

    model = yamjit.load(small_model_path, backend="numpy")
    head = learn.Head(("a",), "sigmoid", (Dense(np.ones((1, 256)), np.zeros(1)),))
    alone = yamjit.load(learn.export_head(head), backend="numpy")
    assert not alone.features
    with pytest.raises(ModelError, match="the model has no features"):
        alone.embed(NOISE, 16_000, features="layer6_mean")
    with_head = yamjit.load("starter", backend="numpy", heads=[learn.export_head(head)])
    wanted = model.embed(NOISE, 16_000, features="layer6_max")
    np.testing.assert_array_equal(with_head.embed(NOISE, 16_000, features="layer6_max"), wanted)
