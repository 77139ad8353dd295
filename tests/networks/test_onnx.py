"""ONNX files, written here with onnx.helper, give the function that the file describes."""

import numpy as np
import pytest
import torch

import regions
from regions.errors import DataError, RegionsError, UnsupportedModelError

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


def save(path, nodes, constants, input_shape, output_shape=("n", "m")):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "test",
        [value("x", onnx.TensorProto.FLOAT, input_shape)],
        [value("y", onnx.TensorProto.FLOAT, output_shape)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def draw(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def test_gemm_and_matmul(tmp_path):
    node = helper.make_node
    nodes = [
        node("Sub", ["x", "mean"], ["c"]),
        node("Gemm", ["c", "fc1.weight", "fc1.bias"], ["g"], transB=1, alpha=0.5, beta=2.0),
        node("LeakyRelu", ["g"], ["h"], alpha=0.1),
        node("MatMul", ["h", "w2"], ["m"]),
        node("Add", ["m", "b2"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("Add", ["r", "a"], ["y"]),
    ]
    constants = {"mean": draw(1, 4), "fc1.weight": draw(5, 4), "fc1.bias": draw(5)}
    constants |= {"w2": draw(5, 3), "b2": draw(3)}
    net = regions.as_network(save(tmp_path / "m.onnx", nodes, constants, ["batch", 4]))
    x = np.random.default_rng(0).standard_normal((6, 4))
    c = {name: array.astype(float) for name, array in constants.items()}
    g = 0.5 * (x - c["mean"]) @ c["fc1.weight"].T + 2 * c["fc1.bias"]
    a = np.where(g > 0, g, np.float32(0.1) * g) @ c["w2"] + c["b2"]
    np.testing.assert_allclose(net(x), np.maximum(a, 0) + a, atol=1e-6)
    assert list(net.prunable) == ["fc1", "w2"]
    assert [layer.slope for layer in net.relu_layers] == [pytest.approx(0.1), 0.0]


def test_convolution(tmp_path):
    node, counted = helper.make_node, {"count_include_pad": 1}
    nodes = [
        node("Conv", ["x", "conv.weight", "conv.bias"], ["c"], pads=[1, 0, 0, 1], strides=[2, 1]),
        node("BatchNormalization", ["c", "s", "b", "mean", "var"], ["n"], epsilon=1e-3),
        node("Relu", ["n"], ["r"]),
        node("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
        node("AveragePool", ["p"], ["q"], kernel_shape=[2, 2], pads=[0, 1, 0, 0], **counted),
        node("GlobalAveragePool", ["q"], ["g"]),
        node("Identity", ["g"], ["k"]),
        node("Reshape", ["k", "shape"], ["y"]),
    ]
    constants = {"conv.weight": draw(3, 2, 3, 2), "conv.bias": draw(3), "s": draw(3), "b": draw(3)}
    constants |= {"mean": draw(3), "var": draw(3) ** 2, "shape": np.array([1, 3])}
    net = regions.as_network(save(tmp_path / "c.onnx", nodes, constants, [1, 2, 6, 5]))
    assert net.input_shape == (2, 6, 5) and net.output_shape == (3,)


def test_unsupported_and_broken_files(tmp_path):
    tanh = save(tmp_path / "t.onnx", [helper.make_node("Tanh", ["x"], ["y"])], {}, [1, 3])
    with pytest.raises(UnsupportedModelError, match="Tanh"):
        regions.as_network(tanh)
    product = save(tmp_path / "p.onnx", [helper.make_node("Mul", ["x", "x"], ["y"])], {}, [1, 3])
    with pytest.raises(UnsupportedModelError, match="Mul"):
        regions.as_network(product)
    free = save(tmp_path / "f.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, ["n", "m"])
    with pytest.raises(RegionsError, match="fixed positive sizes"):
        regions.as_network(free)
    whole = tanh.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickle.onnx").write_bytes(b"\x80\x04\x95\x00\x00")
    for name in ("cut.onnx", "pickle.onnx"):
        with pytest.raises(DataError, match="not a valid ONNX file"):
            regions.as_network(tmp_path / name)


def gemm(path, shape=("n", 4), **constants):
    node = helper.make_node
    nodes = [node("Gemm", ["x", "w", "b"], ["h"]), node("Relu", ["h"], ["y"])]
    return save(path, nodes, {"w": draw(4, 5), "b": draw(5), **constants}, shape)


@pytest.mark.parametrize("bias", [draw(5), draw(1, 5), draw(1), draw(1, 1), np.float32(2.0)])
def test_a_bias_that_broadcasts(tmp_path, bias):
    net = regions.as_network(gemm(tmp_path / "m.onnx", b=np.asarray(bias)))
    x = np.random.default_rng(0).standard_normal((6, 4))
    expected = np.maximum(x @ draw(4, 5).astype(float) + bias, 0)
    np.testing.assert_allclose(net(x), expected, atol=1e-12)


@pytest.mark.parametrize(
    "changed",
    [
        {"w": draw(3, 5)},
        {"w": draw(4)},
        {"w": draw(1, 4, 5)},
        {"w": draw(4, 5) * np.nan},
        {"b": draw(3)},
        {"b": draw(2, 5)},
        {"w": np.array([["a"] * 5] * 4, dtype=object)},
        {"shape": ("n", 10**12)},
        {"shape": ("n", 10**6, 10**6)},
        {"shape": (4,)},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_shapes_and_types_that_do_not_fit(tmp_path, changed):
    with pytest.raises(RegionsError):
        regions.as_network(gemm(tmp_path / "m.onnx", **changed))


def test_damaged_files_are_refused_or_read(tmp_path):
    path = gemm(tmp_path / "m.onnx")
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(100):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            regions.as_network(path)
        except RegionsError:
            refused += 1
    assert refused > 20


EXPORTED = ["LeNet-5", "ResNet-18", "MobileNetV2", "ShuffleNetV2", "U-Net", "signals"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("free", [True, False], ids=["free batch", "batch of one"])
@pytest.mark.parametrize("name", EXPORTED)
def test_exported_architectures_are_the_model(tmp_path, name, free):
    torch = pytest.importorskip("torch")
    from architectures import READ, built

    model, shape = built(READ[name])
    model, path = model.double(), tmp_path / "m.onnx"
    inputs = torch.randn(2 if free else 1, *shape, dtype=torch.float64)
    axes = {"x": {0: "n"}} if free else None
    torch.onnx.export(model, inputs, path, dynamo=False, dynamic_axes=axes, input_names=["x"])
    net = regions.as_network(path)
    points = np.random.default_rng(0).normal(size=(40, *shape)) * 2
    with torch.no_grad():
        expected = model(torch.from_numpy(points)).numpy()
    found = net(points).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def forms():
    """Graphs as exporters and the verification community write them."""
    node = helper.make_node
    yield (
        "Shape, Gather, Concat, Reshape",
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "first"], ["n"], axis=0),
            node("Unsqueeze", ["n", "axes"], ["n1"]),
            node("Concat", ["n1", "rest"], ["shape"], axis=0),
            node("Relu", ["x"], ["r"]),
            node("Reshape", ["r", "shape"], ["f"]),
            node("MatMul", ["f", "w"], ["y"]),
        ],
        {"first": np.array(0), "axes": np.array([0]), "rest": np.array([-1]), "w": draw(12, 3)},
        ["n", 3, 2, 2],
        lambda x, c: np.maximum(x, 0).reshape(len(x), -1) @ c["w"],
    )
    yield (
        "means over space, Div and Mul",
        [
            node("Sub", ["x", "mean"], ["c"]),
            node("Div", ["c", "std"], ["d"]),
            node("Relu", ["d"], ["r"]),
            node("ReduceMean", ["r"], ["m"], axes=[2, 3], keepdims=0),
            node("Mul", ["m", "k"], ["y"]),
        ],
        {"mean": draw(1, 3, 1, 1), "std": abs(draw(3, 1, 1)) + 1, "k": draw(3)},
        ["n", 3, 4, 5],
        lambda x, c: np.maximum((x - c["mean"]) / c["std"], 0).mean((2, 3)) * c["k"],
    )
    yield (
        "Pad, MaxPool, Squeeze, Transpose without perm",
        [
            node("Pad", ["x", "pads"], ["p"]),
            node("MaxPool", ["p"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", ["m"], ["f"]),
            node("Transpose", ["w"], ["t"]),
            node("MatMul", ["f", "t"], ["y"]),
        ],
        {"pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]), "w": draw(2, 12)},
        [1, 2, 3, 5],
        lambda x, c: (
            np.pad(x, [(0, 0), (0, 0), (1, 0), (0, 1)])
            .reshape(len(x), 2, 2, 2, 3, 2)
            .max((3, 5))
            .reshape(len(x), -1)
            @ c["w"].T
        ),
    )
    yield (
        "an input without a batch axis",
        [
            node("MatMul", ["w", "x"], ["h"]),
            node("Relu", ["h"], ["r"]),
            node("MatMul", ["v", "r"], ["y"]),
        ],
        {"w": draw(5, 3), "v": draw(2, 5)},
        [3],
        lambda x, c: np.maximum(x @ c["w"].T, 0) @ c["v"].T,
    )
    yield (
        "one number",
        [node("Mul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])],
        {"w": draw(4)},
        [1],
        lambda x, c: np.maximum(x * c["w"], 0),
    )
    yield (
        "Clip, PRelu, Split, Concat, constants as attributes",
        [
            node("Constant", [], ["low"], value_float=-0.5),
            node("Clip", ["x", "low", "high"], ["c"]),
            node("PRelu", ["c", "slope"], ["p"]),
            node("Split", ["p"], ["a", "b"], axis=1),
            node("Concat", ["b", "a"], ["j"], axis=1),
            node("Constant", [], ["axes"], value_ints=[1]),
            node("ReduceSum", ["j", "axes"], ["s"], keepdims=1),
            node("Sub", ["j", "s"], ["y"]),
        ],
        {"high": np.float32(1.5), "slope": draw(4)},
        ["n", 4],
        lambda x, c: (lambda j: j - j.sum(1, keepdims=True))(
            (lambda v: np.where(v > 0, v, c["slope"] * v)[:, [2, 3, 0, 1]])(np.clip(x, -0.5, 1.5))
        ),
    )
    yield (
        "Shape, ReduceProd, Cast and Div of a weight, as weight standardisation is exported",
        [
            node("Shape", ["w"], ["shape"]),
            node("ReduceProd", ["shape"], ["count"], keepdims=0),
            node("Cast", ["count"], ["real"], to=onnx.TensorProto.FLOAT),
            node("Div", ["w", "real"], ["mean"]),
            node("MatMul", ["x", "mean"], ["h"]),
            node("Relu", ["h"], ["y"]),
        ],
        {"w": draw(4, 3)},
        ["n", 4],
        lambda x, c: np.maximum(x @ c["w"] / 12, 0),
    )
    yield (
        "MaxPool with ceil_mode and padding",
        [
            node(
                *("MaxPool", ["x"], ["y"]),
                kernel_shape=[3, 2],
                strides=[1, 3],
                pads=[1, 0, 1, 0],
                ceil_mode=1,
            )
        ],
        {},
        ["n", 2, 4, 6],
        lambda x, c: torch.nn.functional.max_pool2d(
            torch.from_numpy(x), (3, 2), (1, 3), (1, 0), ceil_mode=True
        ).numpy(),
    )
    written_out = {"group": 1, "auto_pad": "NOTSET", "strides": [2, 2], "pads": [0] * 4}
    written_out |= {"output_padding": [0, 0], "dilations": [1, 1], "kernel_shape": [2, 2]}
    yield (
        "ConvTranspose with all defaults written out, as torch.export's graphs are",
        [node("ConvTranspose", ["x", "w", "b"], ["c"], **written_out), node("Relu", ["c"], ["y"])],
        {"w": draw(2, 3, 2, 2), "b": draw(3)},
        ["n", 2, 3, 3],
        lambda x, c: (
            torch.nn.functional.conv_transpose2d(
                *(torch.from_numpy(array) for array in (x, c["w"], c["b"])), stride=2
            )
            .relu()
            .numpy()
        ),
    )


@pytest.mark.parametrize("form", list(forms()), ids=lambda form: form[0])
def test_forms_that_exporters_write(tmp_path, form):
    _, nodes, constants, shape, expected = form
    net = regions.as_network(save(tmp_path / "m.onnx", nodes, constants, shape))
    x = np.random.default_rng(0).normal(size=(30, *net.input_shape)) * 3
    wanted = expected(x, {k: np.asarray(v, float) for k, v in constants.items()})
    np.testing.assert_allclose(net(x).reshape(wanted.shape), wanted, atol=1e-5)


def classifier(path):
    """A classifier as skl2onnx writes one: labels and probabilities."""
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("Cast", ["x"], ["c"], to=onnx.TensorProto.FLOAT),
        node("MatMul", ["c", "w"], ["m"]),
        node("Add", ["m", "b"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("MatMul", ["r", "v"], ["l"]),
        node("Softmax", ["l"], ["p"], axis=1),
        node("ArgMax", ["p"], ["k"], axis=1, keepdims=0),
        node("Cast", ["k"], ["label"], to=onnx.TensorProto.INT64),
    ]
    constants = {"w": draw(4, 6), "b": draw(1, 6), "v": draw(6, 3)}
    graph = helper.make_graph(
        nodes,
        "classifier",
        [value("x", onnx.TensorProto.FLOAT, ["n", 4])],
        [
            value("label", onnx.TensorProto.INT64, ["n"]),
            value("p", onnx.TensorProto.FLOAT, ["n", 3]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path, constants


def test_a_classifier_is_read_up_to_its_softmax(tmp_path):
    path, constants = classifier(tmp_path / "c.onnx")
    with pytest.raises(UnsupportedModelError, match=r"Softmax.*output='logits'"):
        regions.as_network(path)
    net = regions.as_network(path, output="logits")
    assert net.left_off == "softmax"
    x = np.random.default_rng(0).normal(size=(9, 4))
    hidden = np.maximum(x @ constants["w"].astype(float) + constants["b"], 0)
    np.testing.assert_allclose(net(x), hidden @ constants["v"], atol=1e-6)
    with pytest.raises(RegionsError, match="Softmax"):
        regions.as_network(path, output="label")


def binary_classifier(path, named):
    """A binary classifier behind a scaler, with names of classes, as skl2onnx writes one."""
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("Scaler", ["x"], ["z"], domain="ai.onnx.ml", offset=[1.0, 0.5], scale=[2.0, 0.1]),
        node("Gemm", ["z", "w", "b"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["l"]),
        node("Sigmoid", ["l"], ["p"]),
        node("Sub", ["one", "p"], ["q"]),
        node("Concat", ["q", "p"], ["both"], axis=1),
        node("ArgMax", ["both"], ["k"], axis=1, keepdims=0),
        node("ArrayFeatureExtractor", ["classes", "k"], ["label"], domain="ai.onnx.ml"),
    ]
    classes = {"classlabels_strings": ["a", "b"]}
    if named:
        nodes.append(node("ZipMap", ["both"], ["named"], domain="ai.onnx.ml", **classes))
    constants = {"w": draw(2, 5), "b": draw(5), "v": draw(5, 1), "one": np.ones(1, np.float32)}
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    stored.append(helper.make_tensor("classes", onnx.TensorProto.STRING, [2], [b"a", b"b"]))
    probabilities = (
        helper.make_value_info(
            "named",
            helper.make_sequence_type_proto(
                helper.make_map_type_proto(
                    onnx.TensorProto.STRING,
                    helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, []),
                )
            ),
        )
        if named
        else value("both", onnx.TensorProto.FLOAT, ["n", 2])
    )
    label = value("label", onnx.TensorProto.STRING, [1, "n"])
    source = [value("x", onnx.TensorProto.FLOAT, ["n", 2])]
    graph = helper.make_graph(nodes, "binary", source, [label, probabilities], stored)
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return constants


@pytest.mark.parametrize("named", [False, True])
def test_a_binary_classifier_is_read_up_to_its_sigmoid(tmp_path, named):
    constants = binary_classifier(tmp_path / "c.onnx", named)
    net = regions.as_network(tmp_path / "c.onnx", output="logits")
    assert net.left_off == "sigmoid"
    x = np.random.default_rng(0).normal(size=(40, 2)) * 4
    scaled = (x - [1.0, 0.5]) * [2.0, np.float32(0.1)]
    hidden = np.maximum(scaled @ constants["w"].astype(float) + constants["b"], 0)
    np.testing.assert_allclose(net(x), hidden @ constants["v"], atol=1e-6)
    with pytest.raises(RegionsError, match=r"Sigmoid|name one"):
        regions.as_network(tmp_path / "c.onnx")
