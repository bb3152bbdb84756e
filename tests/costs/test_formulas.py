"""The closed forms: values from the papers, the text beside the number, and the wrong ones in circulation."""

import inspect
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from mobilenet_np.architecture import architecture
from mobilenet_np.costs import cost, formulas
from mobilenet_np.costs.claims import CLAIMS
from mobilenet_np.costs.rows import OPS
from mobilenet_np.costs.symbols import Formula, written
from mobilenet_np.costs.variants import full_convolutions, shallow, with_hidden, with_stem

CLOSED_FORMS = [
    function
    for name, function in inspect.getmembers(formulas, inspect.isfunction)
    if name.endswith(("_macs", "_weights", "_biases", "_trainable", "_folded"))
]


# ---------------------------------------------------------------------------------------------------------------------
# A formula's text and its value are one thing


@pytest.mark.parametrize("function", CLOSED_FORMS, ids=lambda function: function.__name__)
@given(data=st.data())
def test_text_evaluates_to_the_value(function, data):
    values = {name: data.draw(st.integers(1, 300), label=name) for name in inspect.signature(function).parameters}
    formula = written(function, **values)
    assert formula.value == function(**values)
    assert eval(formula.numbers.replace("^", "**")) == formula.value
    assert eval(formula.symbols.replace("^", "**"), dict(values)) == formula.value


def test_closed_forms_were_found():
    assert len(CLOSED_FORMS) == 17


def test_letters_are_the_papers():
    formula = written(formulas.inverted_residual_macs, Hi=56, Wi=56, Ho=28, Wo=28, k=3, M=24, e=144, N=32)
    assert formula.symbols == "Hi*Wi*M*e + Ho*Wo*e*(k^2 + N)"
    assert formula.numbers == "56*56*24*144 + 28*28*144*(3^2 + 32)"
    assert str(written(formulas.squeeze_excite_macs, C=960, S=240)) == "2*C*S = 2*960*240 = 460,800"


def test_brackets():
    a, b = Formula("a", "2", 2), Formula("b", "3", 3)
    assert str((a + b) * (1 + a)) == "(a + b)*(1 + a) = (2 + 3)*(1 + 2) = 15"
    assert str((a + b) ** 2) == "(a + b)^2 = (2 + 3)^2 = 25"
    assert str(a * b + 4) == "a*b + 4 = 2*3 + 4 = 10"


@pytest.mark.parametrize("model", ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic"])
def test_every_layer_has_its_formula(model):
    for row in cost(model, resolution=(97, 160)).rows:
        for formula in (row.macs_formula, row.weights_formula):
            assert eval(formula.numbers.replace("^", "**")) == formula.value
            assert (formula.value > 0) == (row.op in OPS)


# ---------------------------------------------------------------------------------------------------------------------
# Blocks


@pytest.mark.parametrize("model", ["v2", "v3-large-minimalistic"])
def test_block_formula_is_the_sum_of_its_layers(model):
    c = cost(model)
    for block in c.architecture.blocks:
        rows = [c[row.name] for row in block.rows]
        *_, depthwise, project = rows
        sizes = dict(Ho=depthwise.h_out, Wo=depthwise.w_out, k=depthwise.kernel)
        if len(rows) == 2:
            macs = formulas.separable_macs(**sizes, M=depthwise.c_in, N=project.c_out)
            weights = formulas.separable_weights(depthwise.kernel, depthwise.c_in, project.c_out)
        else:
            e, M = depthwise.c_in, rows[0].c_in
            macs = formulas.inverted_residual_macs(Hi=rows[0].h_in, Wi=rows[0].w_in, **sizes, M=M, e=e, N=project.c_out)
            weights = formulas.inverted_residual_weights(depthwise.kernel, M, e, project.c_out)
        assert macs == sum(row.macs for row in rows)
        assert weights == sum(row.weights for row in rows)


@given(k=st.sampled_from([1, 3, 5, 7]), M=st.integers(1, 512), N=st.integers(1, 1024), side=st.integers(1, 112))
def test_ratio_is_exact(k, M, N, side):
    """1/N + 1/k^2, whatever the size and the input channels; for MACs and for weights."""
    separable, full = formulas.separable_macs(side, side, k, M, N), formulas.conv2d_macs(side, side, k, M, N)
    assert formulas.separable_ratio(k, N) == Fraction(separable, full)
    assert formulas.separable_ratio(k, N) == Fraction(
        formulas.separable_weights(k, M, N), formulas.conv2d_weights(k, M, N)
    )
    assert formulas.separable_ratio(k, N) > Fraction(1, k**2)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong formulas


def test_claims_are_wrong_by_this_much():
    values = {claim.name: (claim.wrong(**claim.example), claim.right(**claim.example)) for claim in CLAIMS}
    assert values == {
        "saving": (9, Fraction(4608, 521)),
        "input size": (109_985_792, 27_496_448),
        "inverted residual": (4_967_424, 25_740_288),
        "squeeze and excite": (922_560, 462_000),
    }


def _claim(name):
    return next(claim for claim in CLAIMS if claim.name == name)


def test_saving_of_one_layer_only_tends_to_9():
    right = _claim("saving").right
    saving = {N: round(float(right(k=3, N=N)), 2) for N in (16, 32, 64, 128, 256, 512, 1024)}
    assert saving == {16: 5.76, 32: 7.02, 64: 7.89, 128: 8.41, 256: 8.69, 512: 8.84, 1024: 8.92}
    assert all(right(k=3, N=2**n) < 9 for n in range(60))


def test_saving_of_the_whole_of_v1():
    v1, full = cost("v1"), cost(full_convolutions(architecture("v1")))
    assert (full.macs, full.params_trainable) == (4_867_293_184, 29_294_088)
    assert round(full.macs / v1.macs, 3) == 8.558
    assert round(full.params_trainable / v1.params_trainable, 3) == 6.922


@given(stride=st.sampled_from([1, 2]), half=st.integers(1, 56), M=st.integers(1, 64), N=st.integers(1, 64))
def test_input_size_is_four_times_too_much_at_stride_2(stride, half, M, N):
    claim, example = _claim("input size"), dict(D_F=2 * half, stride=stride, k=3, M=M, N=N)
    assert claim.wrong(**example) == stride**2 * claim.right(**example)


def test_input_size_claim_is_v1s_second_block():
    c, claim = cost("v1"), _claim("input size")
    assert claim.right(**claim.example) == c["block2.depthwise"].macs + c["block2.pointwise"].macs


def test_inverted_residual_claim_is_v2s_third_block():
    c, claim = cost("v2"), _claim("inverted residual")
    assert claim.right(**claim.example) == sum(c[row.name].macs for row in c.architecture.blocks[2].rows)


def test_gate_claim_is_v3s_last():
    c, claim = cost("v3-large"), _claim("squeeze and excite")
    assert claim.right(**claim.example) == c["block15.squeeze_excite"].params_trainable


def test_v2s_own_formula_is_for_stride_1():
    """h*w*d'*t*(d' + k^2 + d'') with the input's h, w for every block: 367.0 instead of 300.8 million."""
    c = cost("v2")
    total = sum(c[name].macs for name in ("stem", "head", "classifier"))
    for block in c.architecture.blocks:
        rows = [c[row.name] for row in block.rows]
        expand = rows[0].c_in if len(rows) == 3 else 0
        total += rows[0].h_in * rows[0].w_in * rows[-1].c_in * (expand + 9 + rows[-1].c_out)
    assert (total, c.macs) == (367_016_000, 300_774_272)


# ---------------------------------------------------------------------------------------------------------------------
# Variants


def test_shallow():
    c = cost(shallow(architecture("v1")))
    assert (c.macs, c.params_trainable) == (307_323_392, 2_887_976)


def test_1280_hidden_units():
    """What early texts count for V3-Small; the reason for 2.9 and 2.4 million parameters in print."""
    c = cost(with_hidden(architecture("v3-small"), 1280))
    assert (c.params_trainable, c.macs) == (2_946_568, 56_913_856)
    c = cost(with_hidden(architecture("v3-small", 0.75), 1280))
    assert (round(c.macs / 1e6, 2), round(c.params_trainable / 1e6, 3)) == (43.77, 2.409)
    same = architecture("v3-small")
    assert with_hidden(same, 1024) == same


@pytest.mark.parametrize(
    ("variant", "model"),
    [(full_convolutions, "v2"), (shallow, "v3-large"), (with_hidden, "v1"), (with_stem, "v3-small")],
)
def test_variants_refuse_other_networks(variant, model):
    arguments = [architecture(model)] + [8] * (len(inspect.signature(variant).parameters) - 1)
    with pytest.raises(ValueError, match=model):
        variant(*arguments)
