"""The closed forms: parameters and multiply-accumulates (MACs) of every op, as functions of a few integers.

The letters are the papers' (V1 section 3.1, V2 section 3), for one image:

=======  ===============================================================
M, N     channels in and out (the paper's M, N); C where the two are one
k        side of the kernel (D_K)
Hi, Wi   size of the input
Ho, Wo   size of the output (D_G)
e        expanded channels of an inverted residual (t*M)
S        hidden units of a squeeze-and-excite gate
K        classes, or units of a fully connected layer
=======  ===============================================================

One MAC is one product x * w and its addition to a sum. Products with padding zeros are counted, as all published tables
do; BatchNorm, nonlinearities, pooling, the residual's addition and the gate's multiplications are not.

The gradients need the same number of MACs as the forward pass: for each product ``y += x * w`` there is one
``dx += dy * w`` and one ``dw += dy * x``. So every ``*_macs`` below is the cost of y, of dx and of dw.
"""

from __future__ import annotations

from fractions import Fraction

# ---------------------------------------------------------------------------------------------------------------------
# MACs


def conv2d_macs(Ho: int, Wo: int, k: int, M: int, N: int) -> int:
    """Standard convolution; V1's equation 2 with the output size D_G, which is what remains right when the stride is 2.

    >>> conv2d_macs(14, 14, 3, 512, 512)  # V1, Table 3
    462422016
    """
    return Ho * Wo * k**2 * M * N


def depthwise_macs(Ho: int, Wo: int, k: int, C: int) -> int:
    """Depthwise convolution, V1's equation 4.

    >>> depthwise_macs(112, 112, 3, 32)
    3612672
    """
    return Ho * Wo * k**2 * C


def pointwise_macs(Ho: int, Wo: int, M: int, N: int) -> int:
    """Pointwise (1x1) convolution, the second term of V1's equation 5.

    >>> pointwise_macs(112, 112, 32, 64)
    25690112
    """
    return Ho * Wo * M * N


def linear_macs(M: int, K: int) -> int:
    """Fully connected layer.

    >>> linear_macs(1024, 1000)
    1024000
    """
    return M * K


def squeeze_excite_macs(C: int, S: int) -> int:
    """Squeeze-and-excite (V3, section 5.3): two fully connected layers, C -> S -> C.

    >>> squeeze_excite_macs(960, 240)
    460800
    """
    return 2 * C * S


def separable_macs(Ho: int, Wo: int, k: int, M: int, N: int) -> int:
    """Depthwise-separable block: depthwise and then pointwise, V1's equation 5.

    >>> separable_macs(14, 14, 3, 512, 512)  # V1, Table 3
    52283392
    """
    return Ho * Wo * M * (k**2 + N)


def inverted_residual_macs(Hi: int, Wi: int, Ho: int, Wo: int, k: int, M: int, e: int, N: int) -> int:
    """Inverted residual: expand M -> e at the input's size, then depthwise and project e -> N at the output's.

    With stride 1 this is V2's h*w*d'*t*(d' + k^2 + d''). Without an expansion (t = 1) it is `separable_macs`.

    >>> inverted_residual_macs(56, 56, 56, 56, 3, 24, 144, 24)
    25740288
    """
    return Hi * Wi * M * e + Ho * Wo * e * (k**2 + N)


def separable_ratio(k: int, N: int) -> Fraction:
    """MACs of a depthwise-separable block over those of a standard convolution: 1/N + 1/k^2 (V1, section 3.1).

    Exact, and the same for the weights. It never reaches 1/k^2.

    >>> separable_ratio(3, 512)
    Fraction(521, 4608)
    """
    return Fraction(1, N) + Fraction(1, k**2)


# ---------------------------------------------------------------------------------------------------------------------
# Parameters


def conv2d_weights(k: int, M: int, N: int) -> int:
    """Weights of a standard convolution.

    >>> conv2d_weights(3, 3, 32)
    864
    """
    return k**2 * M * N


def depthwise_weights(k: int, C: int) -> int:
    """Weights of a depthwise convolution.

    >>> depthwise_weights(3, 32)
    288
    """
    return k**2 * C


def pointwise_weights(M: int, N: int) -> int:
    """Weights of a pointwise convolution.

    >>> pointwise_weights(32, 64)
    2048
    """
    return M * N


def linear_weights(M: int, K: int) -> int:
    """Weights of a fully connected layer, which has K biases as well.

    >>> linear_weights(1024, 1000)
    1024000
    """
    return M * K


def squeeze_excite_weights(C: int, S: int) -> int:
    """Weights of a squeeze-and-excite gate, which has S + C biases as well.

    >>> squeeze_excite_weights(960, 240) + squeeze_excite_biases(960, 240)
    462000
    """
    return 2 * C * S


def squeeze_excite_biases(C: int, S: int) -> int:
    """Biases of a squeeze-and-excite gate.

    >>> squeeze_excite_biases(960, 240)
    1200
    """
    return S + C


def separable_weights(k: int, M: int, N: int) -> int:
    """Weights of a depthwise-separable block.

    >>> separable_weights(3, 512, 512)  # V1, Table 3
    266752
    """
    return M * (k**2 + N)


def inverted_residual_weights(k: int, M: int, e: int, N: int) -> int:
    """Weights of an inverted residual.

    >>> inverted_residual_weights(3, 24, 144, 24)
    8208
    """
    return e * (M + k**2 + N)


def batch_norm_trainable(C: int) -> int:
    """gamma and beta; as many numbers again are running statistics, which the gradient does not touch.

    >>> batch_norm_trainable(32)
    64
    """
    return 2 * C


def batch_norm_folded(C: int) -> int:
    """What is left of BatchNorm in inference: one bias a channel. Its scale goes into the weights.

    >>> batch_norm_folded(32)
    32
    """
    return C
