"""The transformer: block-causal, and the same with a cache as under the mask."""

import torch

from underdrawing.nets.transformer import Transformer, block_causal


def test_block_causal_mask_by_hand():
    mask = block_causal([1, 2, 1])
    assert mask.tolist() == [
        [True, False, False, False],
        [True, True, True, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_scales_with_a_cache_answer_as_all_at_once():
    torch.manual_seed(0)
    net, x, lengths = Transformer(32, 2, 4).eval(), torch.randn(2, 9, 32), [1, 4, 4]
    for layer in net.layers:
        torch.nn.init.normal_(layer.attention.leave.weight, std=0.3)
    whole, _ = net(x, block_causal(lengths))
    parts, cache = [], None
    for part in x.split(lengths, dim=1):
        output, cache = net(part, cache=cache)
        parts.append(output)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-4)


def test_a_finer_scale_changes_nothing_before_it():
    torch.manual_seed(0)
    net, x, lengths = Transformer(16, 2, 2).eval(), torch.randn(1, 6, 16), [1, 1, 4]
    before, _ = net(x, block_causal(lengths))
    x[:, 3:, 0] += 4
    after, _ = net(x, block_causal(lengths))
    assert torch.equal(before[:, :2], after[:, :2]) and not torch.allclose(before[:, 2:], after[:, 2:])
