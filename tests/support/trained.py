"""Networks as training leaves them."""


def as_trained(net, rng):
    """The network, with statistics as a trained one has them: neither 0 nor 1."""
    for name, array in (net.params | net.buffers).items():
        if name.endswith(("var", "gamma")):
            array[...] = rng.uniform(0.5, 1.5, array.shape)
        elif name.endswith(("mean", "beta", ".b")):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    return net
