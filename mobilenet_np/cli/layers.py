"""``explain``, ``step``, ``factorize``: one layer of a network, its costs, its numbers, its products."""

from __future__ import annotations

import argparse
import json

import numpy as np

from ..errors import check
from ..measured import explain
from ..models import build
from ..show import factorize
from ..show.photograph import as_input
from ..trace import Trace, trace
from .words import OK, WRONG, add_json, add_network, add_seed, index


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this file's commands."""
    add = commands.add_parser("explain", help="where the numbers of one layer or block come from")
    add_network(add)
    add_json(add)
    add.add_argument("name", help="block3, block3.depthwise, stem; mobilenet-np cost MODEL lists them")
    _add_at(add, "one number of its output, to write out the whole sum behind it")
    add.add_argument("--of", metavar="PARAM", help="with --at: of the gradient of this parameter, or of the input, x")
    add_seed(add, "the weights, with --at")
    add.set_defaults(run=_explain)

    add = commands.add_parser("step", help="write a page on which a layer is played product by product")
    add_network(add)
    add.add_argument("name", help="of a convolution or a fully connected layer: block3.depthwise")
    _add_at(add, "the number of its output in whose neighbourhood to step (the middle)")
    add_seed(add, "the weights")
    add.add_argument("--out", default="step.html", metavar="FILE", help="the page (step.html)")
    add.set_defaults(run=_step)

    add = commands.add_parser("factorize", help="the same for a convolution and its two halves, on small integers")
    add.add_argument("-C", type=int, default=4, help="channels in (4)")
    add.add_argument("-M", type=int, default=6, help="channels out (6)")
    add.add_argument("-K", type=int, default=3, help="side of the window (3)")
    add.add_argument("--size", type=int, default=4, help="side of the image (4)")
    add.add_argument("--stride", type=int, default=1, help="(1)")
    add_seed(add, "the numbers")
    add.add_argument("--out", default="factorize.html", metavar="FILE", help="the page (factorize.html)")
    add.set_defaults(run=_factorize)


def _add_at(add: argparse.ArgumentParser, what: str) -> None:
    add.add_argument("--at", type=index, metavar="N,I,J,C", help=what)


def _explain(arguments: argparse.Namespace) -> int:
    check(arguments.at is not None or arguments.of is None, "explain: --of needs --at, the index of an element")
    if arguments.at is None:
        net = build(arguments.model, arguments.width, arguments.classes, arguments.convention)
        what = explain(net, arguments.name, arguments.resolution)
        print(json.dumps(what.to_dict(), indent=2) if arguments.json else what)
        return OK if what.agrees else WRONG
    t = _traced(arguments)
    if arguments.of is None:
        number = t.explain(arguments.name, arguments.at)
    else:
        number = t.explain_backward(arguments.name, arguments.of, arguments.at)
    print(json.dumps(number.to_dict(), indent=2) if arguments.json else f"{_said(arguments)}\n\n{number}")
    return OK


def _step(arguments: argparse.Namespace) -> int:
    print(_traced(arguments).step(arguments.name, arguments.at).save(arguments.out))
    return OK


def _factorize(arguments: argparse.Namespace) -> int:
    sizes = arguments.C, arguments.M, arguments.K, arguments.size, arguments.stride
    print(factorize(*sizes, np.random.default_rng(arguments.seed)).save(arguments.out))
    return OK


def _traced(arguments: argparse.Namespace) -> Trace:
    """A training step on a photograph, as if its right class were the first; float64, where every sum is exact."""
    network = arguments.model, arguments.width, arguments.classes, arguments.convention
    net = build(*network, dtype="float64", rng=arguments.seed)
    return trace(net, as_input(net, arguments.resolution), np.array([0]))


def _said(arguments: argparse.Namespace) -> str:
    size = arguments.resolution if isinstance(arguments.resolution, tuple) else (arguments.resolution,) * 2
    return (
        f"{arguments.model}, width {arguments.width:g}, {size[0]} x {size[1]}, weights drawn with seed "
        f"{arguments.seed}: a training step on one photograph, as if class 0 were right"
    )
