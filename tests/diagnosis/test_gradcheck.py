"""`mn.gradcheck`, `mn.gradcheck.network`, `mn.check.student`: where a reader looks for them."""

import copy

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import diagnosis, layers, zoo
from mobilenet_np.diagnosis import suspects_for
from mobilenet_np.ops.batch_norm import batch_norm_train_backward, batch_norm_train_forward


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def without_mean_path(dy, cache):
    """Written without a look at the zoo: the sum over xhat, and not the mean of dy."""
    x, gamma, mean, _, inv_std = cache
    xhat = (x - mean) * inv_std
    _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    return gamma * inv_std * (dy - xhat * dgamma / dy[..., 0].size), dgamma, dbeta


def test_gradcheck_knows_the_zoo_and_check_does_not():
    pair, arrays = (batch_norm_train_forward, without_mean_path), (normal(2, 3, 4, 2), normal(2), normal(2, seed=1))
    assert not mn.check.gradcheck(pair, *arrays, eps=1e-3).diagnosis.findings[0].named
    report = mn.gradcheck(pair, *arrays, eps=1e-3)
    (mistake,) = report.diagnosis.findings[0].mistakes
    assert mistake.name == "without the mean term"
    assert "dx: without the mean term. The batch's mean is taken for a constant" in str(report)
    assert not mn.gradcheck(pair, *arrays, eps=1e-3, suspects=()).diagnosis.findings[0].named


def test_a_learners_own_forward_pass_with_another_cache():
    def forward(x, gamma, beta, eps):
        mean, std = x.mean(axis=(0, 1, 2)), np.sqrt(x.var(axis=(0, 1, 2)) + eps)
        if np.iscomplexobj(x):  # x.var would take the absolute value
            std = np.sqrt(((x - mean) ** 2).mean(axis=(0, 1, 2)) + eps)
        return gamma * (x - mean) / std + beta, ((x - mean) / std, gamma, std)

    def backward(dy, cache):
        xhat, gamma, std = cache
        return gamma / std * (dy - dy.mean(axis=(0, 1, 2))), (dy * xhat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))

    report = mn.gradcheck((forward, backward), normal(2, 3, 4, 2), normal(2), normal(2, seed=1), eps=1e-3)
    assert [mistake.name for mistake in report.diagnosis.findings[0].mistakes] == ["without the variance term"]


def test_the_names_are_where_they_are_looked_for():
    assert mn.gradcheck is diagnosis.gradcheck
    assert mn.gradcheck.network is diagnosis.network
    assert mn.gradcheck.sweep_h is mn.check.sweep_h
    assert mn.check.student is diagnosis.student
    assert mn.gradcheck.__doc__ == mn.check.gradcheck.__doc__
    assert mn.gradcheck(mn.ops.relu, normal(2, 3)).ok


SPOILT = {
    "batch_norm": (layers.BatchNorm(3), (2, 5, 4, 3), "batch_norm_train: without the variance term"),
    "depthwise_conv2d": (layers.DepthwiseConv2D(3, 5, 2), (2, 7, 6, 3), "depthwise_conv2d: last image only"),
    "conv2d": (layers.Conv2D(3, 3, 3, 2, padding="torch"), (2, 5, 6, 3), "conv2d: flipped dw"),
    "squeeze_excite": (layers.SqueezeExcite(4, 2), (2, 3, 3, 4), "squeeze_excite: only the direct path"),
    "hard_swish": (layers.Activation("hard_swish"), (2, 3, 5, 8), "hard_swish: gate taken for a constant"),
    "linear": (layers.Linear(4, 3), (5, 4), "linear: upstream forgotten"),
}


@pytest.mark.parametrize("op", SPOILT)
def test_a_layer_tells_its_options(op):
    """Stride, padding style and eps are the layer's own; the known mistakes are tried with them."""
    layer, shape, title = SPOILT[op]
    layer = layer.astype("float64")
    for k, (name, w) in enumerate(layer.params.items()):
        w[...] = normal(*w.shape, seed=k) + (name == "b1")
    bug = next(bug for bug in zoo.BUGS if f"{bug.op}: {bug.name}" == title)

    class Wrong(type(layer)):
        def backward(self, dy):
            gradients = bug.backward(dy, self._cached())
            dx, *others = gradients if isinstance(gradients, tuple) else (gradients,)
            self._grads = dict(zip(self._params, others, strict=True))
            return dx

    wrong = copy.deepcopy(layer)
    wrong.__class__ = Wrong
    report = mn.gradcheck(wrong, 3 * normal(*shape))
    assert not report.ok
    assert any(mistake.name == bug.name for finding in report.diagnosis.findings for mistake in finding.mistakes)
    assert mn.gradcheck(layer, 3 * normal(*shape)).ok
    assert {suspect.op.removesuffix("_train") for suspect in suspects_for(wrong)} == {op}


def test_a_dropout_layer_draws_its_own_mask():
    class Unscaled(layers.Dropout):
        def backward(self, dy):
            return dy * self._cached().mask

    report = mn.gradcheck(Unscaled(0.4, np.random.default_rng(3)), normal(5, 6))
    assert [mistake.name for mistake in report.diagnosis.findings[0].mistakes] == ["scale forgotten"]
