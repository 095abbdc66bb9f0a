"""Groups of operators that work alike: names without ``aten::``, in-place ones without the last
``_``."""

from __future__ import annotations

ELEMENTWISE = dict.fromkeys(
    (
        *("abs", "add", "bitwise_and", "bitwise_not", "bitwise_or", "ceil", "clamp", "clamp_max"),
        *("clamp_min", "cos", "div", "elu", "elu_backward", "eq", "erf", "exp", "expm1", "floor"),
        *("floor_divide", "fmod", "ge", "gelu", "gelu_backward", "gt", "hardtanh", "isfinite"),
        *("hardtanh_backward", "isinf", "isnan", "isneginf", "isposinf", "le", "leaky_relu"),
        *("leaky_relu_backward", "log", "log1p", "log_sigmoid_backward", "log_sigmoid_forward"),
        *("logical_and", "logical_not", "logical_or", "lt", "maximum", "minimum", "mul", "ne"),
        *("neg", "pow", "prelu", "_prelu_kernel", "_prelu_kernel_backward", "reciprocal", "relu"),
        *("remainder", "round", "rsqrt", "rsub", "sgn", "sigmoid", "sign", "silu"),
        *("silu_backward", "sin", "softplus", "softplus_backward", "sqrt", "square", "sub"),
        *("tanh", "threshold", "threshold_backward", "xlogy"),
    ),
    1,
)
"""FLOPs for each element of the result: one for any operation, more for combined ones."""
ELEMENTWISE |= {
    "lerp": 3,  # a + w (b - a)
    "addcmul": 3,
    "addcdiv": 3,
    "sigmoid_backward": 3,  # g s (1 - s)
    "tanh_backward": 3,
    "masked_fill": 0,
    "where": 0,
}
COMPARISONS = frozenset(
    (
        *("eq", "ge", "gt", "le", "lt", "ne", "isfinite", "isinf", "isnan", "isneginf"),
        *("isposinf", "logical_and", "logical_not", "logical_or"),
    )
)
"""Operators with boolean results, a byte each."""
REDUCTIONS = dict.fromkeys(
    (
        *("all", "amax", "amin", "any", "argmax", "argmin", "count_nonzero", "cumsum", "max"),
        *("mean", "min", "prod", "sum"),
    ),
    1,
)
"""FLOPs for each element of the largest input."""
REDUCTIONS |= {
    "linalg_vector_norm": 2,
    "norm": 2,
    "logsumexp": 3,
    "mse_loss": 3,
    "mse_loss_backward": 2,
    "_softmax": 5,  # the maximum, difference, exponential, sum, quotient
    "_log_softmax": 5,
    "_softmax_backward_data": 4,
    "_log_softmax_backward_data": 4,
    "std": 4,
    "var": 3,
    "native_batch_norm": 8,  # mean 1, variance 3, normalise 2, scale and shift 2
    "native_layer_norm": 8,
    "native_batch_norm_backward": 9,  # normalise 2, two sums 3, and the gradient 4
    "native_layer_norm_backward": 13,  # the sums over both axes, so 3 more, and the scale
}
MOVES = ("flip", "nonzero", "roll", "sort", "topk", "tril", "triu", "bincount", "cat", "complex")
"""Operators that read all arguments and write their result, sorting as if in one pass."""
RANDOM = ("bernoulli", "exponential", "normal", "random", "uniform")
"""Operators that fill their tensor in place."""
CREATIONS = ("arange", "linspace", "eye", "randperm", "scalar_tensor", "tril_indices")
OPTIMIZERS = {
    "_fused_sgd_": 2,
    "_fused_adagrad_": 7,  # square, add; root, add, quotient; scale, subtract
    "_fused_adam_": 13,  # first moment 3, second 4; root, scale, add; quotient; scale, subtract
    "_fused_adamw_": 14,  # and the decay
}
"""FLOPs for each parameter."""
VIEWS = frozenset(
    (
        *("alias", "as_strided", "chunk", "contiguous", "detach", "diagonal", "expand"),
        *("expand_as", "flatten", "movedim", "narrow", "permute", "reshape", "_reshape_alias"),
        *("select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes", "t"),
        *("tensor_split", "transpose", "unbind", "unflatten", "unfold", "_unsafe_view"),
        *("unsqueeze", "view", "view_as", "view_as_complex", "view_as_real"),
        # Of no bytes: memory is given out, or only asked about.
        *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "resize"),
        *("item", "_local_scalar_dense", "is_nonzero", "lift_fresh", "promote_types", "set"),
        *("record_stream", "resolve_conj", "resolve_neg", "result_type", "broadcast_tensors"),
        *("cudnn_is_acceptable", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes"),
        # What a sparse tensor is made of.
        *("_indices", "_values", "_nnz", "_coalesced", "is_coalesced", "sparse_dim", "dense_dim"),
        *("_sparse_coo_tensor_with_dims_and_tensors", "_sparse_coo_tensor_unsafe", "indices"),
        *("_validate_sparse_coo_tensor_args", "sparse_coo_tensor", "values"),
    )
)
"""Operators that move nothing themselves; those that they call may (``contiguous``,
``reshape``)."""
MADE_OF_COPIES = (
    *("clone", "constant_pad_nd", "full", "full_like", "new_full", "new_ones", "new_zeros"),
    *("ones", "ones_like", "pad", "repeat", "repeat_interleave", "select_backward"),
    *("slice_backward", "to", "_to_copy", "zeros", "zeros_like", "dropout", "embedding_backward"),
    *("embedding_sparse_backward", "_embedding_bag_sparse_backward", "sparse_mask"),
)
"""Operators whose work is that of the copies and fills that they call."""
