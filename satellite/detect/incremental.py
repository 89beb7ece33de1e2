"""Makes openWakeWord's embedding graph incremental: what it computed for the hop before is not computed again.

The published graph looks at 76 rows of the spectrogram for every hop, of which 8 are new. Its convolutions are unpadded
along time, three taps long or one, and its poolings halve the time: so 8 new rows make exactly one new output, when
each three-tap convolution is also given the last two rows that it got in the hop before. Here the graph is rewritten in
this way: in front of each of these convolutions a state of two rows comes in and the next one goes out. The weights are
not touched, and the result is the same to the bit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from satellite.core.errors import ModelDamaged
from satellite.detect.protobuf import Field, bytes_in, bytes_of, fields, integers, number_of, texts, written

HOP_ROWS = 8
MELS = 32
# What is remembered of a layer's input: a convolution over three rows needs two of the hop before.
_KEPT_ROWS = 2

# Field numbers and constants of the ONNX format.
_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _OPERATOR, _ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INTEGER, _ATTRIBUTE_INTEGERS, _ATTRIBUTE_TYPE = 1, 3, 8, 20
_TENSOR_SIZES, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_CONTENT = 1, 2, 8, 9
_FLOAT, _INT64, _INTEGER = 1, 7, 2
_TIME_AXIS = 2


@dataclass(slots=True)
class _Rewriting:
    """The graph while it is copied, node by node."""

    sizes: dict[str, list[int]]
    mels: int = MELS
    nodes: list[Field] = field(default_factory=list)
    states: list[tuple[int, ...]] = field(default_factory=list)


def incremental(model: bytes) -> bytes:
    """The content of an .onnx file of the embedding, rewritten.

    Its input is `input_1`, (1, 8, 32, 1); to each input `state_N` belongs the output `next_N`. Its first output is the
    original's.

    Raises:
        ModelDamaged: it is not the graph that this is meant for.
    """
    try:
        parts = list(fields(model))
        (graph,) = bytes_in(parts, _GRAPH)
        new = bytes_of(_GRAPH, _rewritten(list(fields(graph))))
        return written(new if part.number == _GRAPH else part for part in parts)
    except (ValueError, IndexError, KeyError) as error:
        raise ModelDamaged(f"the embedding cannot be made incremental: {error!r}") from error


def _rewritten(graph: list[Field]) -> list[Field]:
    tensors = [list(fields(content)) for content in bytes_in(graph, _INITIALIZER)]
    named = {texts(tensor, _TENSOR_NAME)[0]: tensor for tensor in tensors}
    rewriting = _Rewriting({name: integers(tensor, _TENSOR_SIZES) for name, tensor in named.items()})
    nodes = [list(fields(content)) for content in bytes_in(graph, _NODE)]
    for node in nodes:
        _copy(node, rewriting)
    (first_shape,) = texts(nodes[0], _NODE_INPUT)[1:]
    kept = [
        part
        for part in graph
        if part.number not in (_NODE, _INPUT) and not (part.number == _INITIALIZER and _name_of(part) == first_shape)
    ]
    constants = {first_shape: (1, 1, HOP_ROWS, MELS), "from": (-_KEPT_ROWS,), "to": (2**31,), "axis": (_TIME_AXIS,)}
    return [
        *rewriting.nodes,
        *kept,
        *(_constant(name, values) for name, values in constants.items()),
        _value(_INPUT, "input_1", (1, HOP_ROWS, MELS, 1)),
        *(_value(_INPUT, f"state_{number}", shape) for number, shape in enumerate(rewriting.states)),
        *(_value(_OUTPUT, f"next_{number}", shape) for number, shape in enumerate(rewriting.states)),
    ]


def _copy(node: list[Field], rewriting: _Rewriting) -> None:
    """Copy a node; a convolution along time gets its state."""
    (operator,) = texts(node, _OPERATOR)
    if operator == "MaxPool":
        rewriting.mels //= _attribute(node, "strides")[1]
    if operator == "Conv" and _attribute(node, "kernel_shape")[0] > 1:
        node = _with_state(node, rewriting)
    rewriting.nodes.append(bytes_of(_NODE, node))


def _with_state(convolution: list[Field], rewriting: _Rewriting) -> list[Field]:
    if _attribute(convolution, "kernel_shape")[0] != _KEPT_ROWS + 1:
        raise ValueError("a convolution is longer than three rows")
    sound, weights, *bias = texts(convolution, _NODE_INPUT)
    number = len(rewriting.states)
    rewriting.states.append((1, rewriting.sizes[weights][1], _KEPT_ROWS, rewriting.mels))
    rows = f"rows_{number}"
    axis = bytes_of(
        _ATTRIBUTE,
        [
            bytes_of(_ATTRIBUTE_NAME, "axis"),
            number_of(_ATTRIBUTE_INTEGER, _TIME_AXIS),
            number_of(_ATTRIBUTE_TYPE, _INTEGER),
        ],
    )
    rewriting.nodes += [
        bytes_of(_NODE, [*_node("Concat", [f"state_{number}", sound], rows), axis]),
        bytes_of(_NODE, _node("Slice", [rows, "from", "to", "axis"], f"next_{number}")),
    ]
    return [
        *(bytes_of(_NODE_INPUT, name) for name in (rows, weights, *bias)),
        *(part for part in convolution if part.number != _NODE_INPUT),
    ]


def _node(operator: str, inputs: list[str], output: str) -> list[Field]:
    named = [bytes_of(_NODE_INPUT, name) for name in inputs]
    return [*named, bytes_of(_NODE_OUTPUT, output), bytes_of(_NODE_NAME, output), bytes_of(_OPERATOR, operator)]


def _attribute(node: list[Field], name: str) -> list[int]:
    found = (list(fields(content)) for content in bytes_in(node, _ATTRIBUTE))
    (values,) = (integers(given, _ATTRIBUTE_INTEGERS) for given in found if texts(given, _ATTRIBUTE_NAME) == [name])
    return values


def _name_of(tensor: Field) -> str:
    return texts(fields(tensor.content), _TENSOR_NAME)[0]


def _constant(name: str, values: tuple[int, ...]) -> Field:
    content = struct.pack(f"<{len(values)}q", *values)
    return bytes_of(
        _INITIALIZER,
        [
            number_of(_TENSOR_SIZES, len(values)),
            number_of(_TENSOR_TYPE, _INT64),
            bytes_of(_TENSOR_NAME, name),
            bytes_of(_TENSOR_CONTENT, content),
        ],
    )


def _value(number: int, name: str, shape: tuple[int, ...]) -> Field:
    """An input or output of the graph: float32, of this shape."""
    sizes = bytes_of(2, [bytes_of(1, [number_of(1, size)]) for size in shape])
    return bytes_of(number, [bytes_of(1, name), bytes_of(2, [bytes_of(1, [number_of(1, _FLOAT), sizes])])])
