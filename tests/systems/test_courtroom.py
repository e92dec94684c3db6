"""Courtroom: suppression, debate, actions of the judge, rewards and oracle against brute force, losses."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.special import expit
from torch.nn.functional import avg_pool2d

from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.systems.courtroom import judge
from underdrawing.systems.courtroom.debate import ConvGRU, Debate
from underdrawing.systems.courtroom.losses import (
    Trial,
    Truth,
    edge_of,
    frozen,
    judge_terms,
    policy_terms,
    sampled,
)
from underdrawing.systems.courtroom.network import RELEASED, Config, Courtroom
from underdrawing.systems.courtroom.reward import SMOOTHING, oracle, rewards, soft_iou
from underdrawing.systems.courtroom.streams import DualStreams, Suppression, disagreement
from underdrawing.systems.courtroom.training import RECIPES, build
from underdrawing.train.localize import LocalizeBatch
from underdrawing.train.loop import Run, train

LOSSES = {
    "prosecution": [1.4267, 1.3515, 1.2548, 1.1407],
    "defence": [1.4521, 1.3564, 1.233, 1.0953],
    "levels": [2.7826, 2.6116, 2.4576, 2.3043],
    "edge": [0.4139, 0.3972, 0.3835, 0.3817],
    "policy": [0.0341, 0.0662, -0.0802, -0.0399],
    "value": [0.0183, 0.0237, 0.0231, 0.0166],
    "soft_iou": [0.8481, 0.8243, 0.8814, 0.8811],
    "revision": [0.3517, 0.3533, 0.353, 0.3526],
}
"""Of some steps of the smoke recipe, in which the terms are."""
SMALL = Config(widths=(8, 8, 8, 8), rounds=2, debate_level=1, debate_width=4, judge_width=8)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def inputs(side=64, batch=2):
    """Pictures and maps of the trunk."""
    sides = (side // 4, side // 8, side // 16, side // 32)
    maps = [torch.randn(batch, n, s, s) for n, s in zip(RELEASED.channels, sides, strict=True)]
    return 255 * torch.rand(batch, 3, side, side), maps


def moved(network):
    """With parameters as after a training: none is zero."""
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def trial_of(rows=1, cols=3, block=4):
    """p, d, revision, target of one picture; every block is uncertain."""
    p, d, revision = (2 * torch.randn(1, 1, rows * block, cols * block) for _ in range(3))
    target = (torch.rand(1, 1, rows * block, cols * block) < 0.4).float()
    return judge.outcomes(p, d, revision, 2.0), target, torch.ones_like(target), torch.ones(1, 1, rows, cols)


def test_disagreement_is_that_of_the_two_probabilities():
    p, d = torch.randn(50) * 5, torch.randn(50) * 5
    expected = np.abs(expit(p.numpy()) - (1 - expit(d.numpy())))
    np.testing.assert_allclose(disagreement(p, d).numpy(), expected, atol=1e-6)
    assert torch.equal(disagreement(p, -p), torch.zeros(50))


def test_suppression_changes_nothing_where_the_streams_agree():
    suppression = moved(Suppression(6))
    f_p, f_d, p = torch.randn(2, 6, 5, 5), torch.randn(2, 6, 5, 5), torch.randn(2, 1, 5, 5)
    d = -p
    d[..., 2, 3] += 4
    found = suppression(f_p, f_d, disagreement(p, d))
    for before, after in zip((f_p, f_d), found, strict=True):
        changed = (before != after).any(1)
        assert changed[:, 2, 3].all() and changed.sum() == 2
    c = disagreement(p, d)[0, 0, 2, 3]
    by_hand = f_p[0, :, 2, 3] - c * suppression.prosecution.weight[:, :, 0, 0] @ f_d[0, :, 2, 3]
    torch.testing.assert_close(found[0][0, :, 2, 3], by_hand)


def test_streams_use_edges_and_suppression_at_every_level():
    with_it = moved(DualStreams((8, 8, 8, 8), True))
    without = DualStreams((8, 8, 8, 8), False)
    without.load_state_dict(with_it.state_dict(), strict=False)
    maps, edge = [torch.randn(1, 8, s, s) for s in (16, 8, 4, 2)], torch.zeros(1, 1, 16, 16)
    first, plain, edged = with_it(maps, edge), without(maps, edge), without(maps, edge + 0.5)
    for level in range(4):
        assert not torch.allclose(first.logits[level][0], plain.logits[level][0])
        assert not torch.allclose(edged.logits[level][1], plain.logits[level][1])
    expected = without.prosecution.fusions[3](1.5 * maps[3]).relu()
    torch.testing.assert_close(edged.features[3][0], expected)


def test_the_debate_starts_at_zero_and_treats_both_streams_alike():
    f, logits = torch.randn(2, 1, 6, 8, 8), torch.randn(2, 1, 1, 8, 8)
    debate = Debate(6, 4, 3)
    assert all(not x.any() for x in debate(*f, *logits))
    moved(debate)
    change_p, change_d = debate(*f, *logits)
    exchanged_d, exchanged_p = debate(*f.flip(0), *logits.flip(0))
    torch.testing.assert_close(change_p, exchanged_p)
    torch.testing.assert_close(change_d, exchanged_d)
    assert change_p.abs().max() > 1e-3
    other = debate(*f, logits[0], logits[1] + 3)[0]
    assert not torch.allclose(other, change_p)


def test_the_gru_keeps_its_state_where_the_update_is_closed():
    cell, state, x = ConvGRU(3, 4), torch.randn(1, 4, 6, 6), torch.randn(1, 3, 6, 6)
    torch.nn.init.constant_(cell.gates.bias[4:].data, -100)
    torch.testing.assert_close(cell(state, x), state)
    torch.nn.init.constant_(cell.gates.bias[4:].data, 100)
    torch.nn.init.constant_(cell.gates.bias[:4].data, -100)
    expected = cell.candidate(torch.cat([0 * state, x], 1)).tanh()
    torch.testing.assert_close(cell(state, x), expected)


def test_uncertain_blocks_are_those_of_one_doubtful_position():
    p = torch.full((1, 1, 8, 8), 6.0)
    d = -p
    p[0, 0, 1, 6], d[0, 0, 1, 6] = 0.0, 0.0  # agreed doubt
    p[0, 0, 6, 2], d[0, 0, 6, 2] = 6.0, 6.0  # certain and contrary
    found = judge.uncertain_blocks(p, d, 0.5, 0.25)
    assert found[0, 0].tolist() == [[0, 1], [1, 0]]


def test_one_action_is_applied_in_each_uncertain_block_alone():
    outcomes, _, _, uncertain = trial_of(2, 2)
    action = torch.tensor([[[[0, 1], [4, 5]]]])
    uncertain[..., 1, 1] = 0
    found = judge.applied(outcomes, action, uncertain)[0, 0]
    p, d, z = outcomes[0, 0], -outcomes[0, 1], outcomes[0, 2]
    torch.testing.assert_close(z, (p - d) / 2)
    assert torch.equal(found[:4, :4], p[:4, :4]) and torch.equal(found[:4, 4:], -d[:4, 4:])
    assert torch.equal(found[4:, :4], z[4:, :4] + 2) and torch.equal(found[4:, 4:], z[4:, 4:])


def test_the_judge_acts_by_its_most_probable_action_and_in_uncertain_blocks_alone():
    network, (images, maps) = moved(Courtroom(SMALL)).eval(), inputs()
    torch.nn.init.constant_(network.judge.policy.actions.bias, 0)
    torch.nn.init.normal_(network.judge.policy.actions.weight)
    outputs = network(images, maps)
    parts = outputs.parts
    assert parts["uncertain"].any()
    p, d, revision = (parts[name].detach().numpy() for name in ("prosecution", "defence", "revision"))
    z = (p - d) / 2
    outcomes = np.concatenate([p, -d, z, z + revision, z + SMALL.step, z - SMALL.step], 1)
    best = parts["actions"].argmax(1).numpy()
    assert len(np.unique(best)) > 1
    for b, row, col in np.ndindex(*best.shape):
        place = (slice(4 * row, 4 * row + 4), slice(4 * col, 4 * col + 4))
        action = best[b, row, col] if parts["uncertain"][b, 0, row, col] else judge.AVERAGE
        expected = outcomes[(b, action, *place)]
        np.testing.assert_allclose(outputs.logits[(b, 0, *place)].detach().numpy(), expected, atol=1e-6)


def test_an_untrained_judge_keeps_the_average():
    network, (images, maps) = Courtroom(SMALL).eval(), inputs()
    parts = (outputs := network(images, maps)).parts
    torch.testing.assert_close(outputs.logits, (parts["prosecution"] - parts["defence"]) / 2)


def test_reliability_is_entropy_and_consistency():
    logits, p, d = (4 * torch.randn(3, 1, 9, 9) for _ in range(3))
    q, c = expit(logits.double().numpy()), disagreement(p, d).numpy()
    bits = -(q * np.log2(q) + (1 - q) * np.log2(1 - q))
    found = judge.reliability(logits, p, d)
    np.testing.assert_allclose(found.numpy(), (1 - bits) * np.exp(-c), atol=1e-5)
    for extreme in (0.0, 1e4, -1e4):
        x = torch.full((1, 1, 2, 2), extreme)
        assert 0 <= judge.reliability(x, x, x).min() <= judge.reliability(x, x, -x).max() <= 1


def test_soft_iou_by_hand():
    prob, target, known = (
        torch.rand(2, 1, 8, 8),
        (torch.rand(2, 1, 8, 8) < 0.3).float(),
        torch.ones(2, 1, 8, 8),
    )
    known[:, :, :2] = 0
    q, m = prob[:, :, 2:].numpy(), target[:, :, 2:].numpy()
    inter, union = (q * m).sum((1, 2, 3)) / 64, (q + m - q * m).sum((1, 2, 3)) / 64
    expected = (inter + SMOOTHING) / (union + SMOOTHING)
    np.testing.assert_allclose(soft_iou(prob, target, known).numpy(), expected, rtol=1e-5)
    half = torch.full((1, 1, 10, 10), 0.01)
    assert soft_iou(half, 0 * half, 0 * half + 1).item() == pytest.approx(0.5)


@pytest.mark.parametrize("hidden", [False, True])
def test_rewards_are_those_of_each_action_alone(hidden):
    outcomes, target, known, uncertain = trial_of()
    if hidden:
        known[..., ::3] = 0
    found = rewards(outcomes, target, known, uncertain, 0.25)
    average = torch.full((1, 1, 1, 3), judge.AVERAGE)

    def cross_entropy(logits):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return avg_pool2d(loss * known, 4)[0, 0, 0]

    before = judge.applied(outcomes, average, uncertain)
    for action, col in itertools.product(range(len(judge.ACTIONS)), range(3)):
        one = average.clone()
        one[..., col] = action
        after = judge.applied(outcomes, one, uncertain)
        gain = soft_iou(after.sigmoid(), target, known) - soft_iou(before.sigmoid(), target, known)
        fall = (cross_entropy(before) - cross_entropy(after))[col]
        torch.testing.assert_close(found[0, action, 0, col], 3 * gain[0] + 0.25 * fall, atol=1e-5, rtol=1e-4)
    assert not found[:, judge.AVERAGE].any()


def test_the_oracle_has_the_best_of_all_action_sets():
    for _ in range(4):
        outcomes, target, known, uncertain = trial_of()
        uncertain[..., 1] = 0

        def reached(action, outcomes=outcomes, target=target, known=known, uncertain=uncertain):
            return soft_iou(judge.applied(outcomes, action, uncertain).sigmoid(), target, known).item()

        best = reached(oracle(outcomes, target, known, uncertain))
        choices = itertools.product(range(len(judge.ACTIONS)), repeat=3)
        every = [reached(torch.tensor(choice).view(1, 1, 1, 3)) for choice in choices]
        assert best == pytest.approx(max(every), abs=1e-6)
        assert best >= reached(torch.full((1, 1, 1, 3), judge.AVERAGE))


def test_raising_is_rewarded_in_a_manipulated_block_and_lowering_in_an_authentic_one():
    zero, target = torch.zeros(1, 1, 4, 8), torch.zeros(1, 1, 4, 8)
    target[..., :4] = 1
    outcomes = judge.outcomes(zero, zero, zero, 2.0)
    found = rewards(outcomes, target, torch.ones_like(target), torch.ones(1, 1, 1, 2), 0.25)[0, :, 0]
    raised, lowered = (found[judge.ACTIONS.index(name)] for name in ("raise", "lower"))
    assert raised[0] > 0 > raised[1] and lowered[0] < 0 < lowered[1]


@pytest.mark.parametrize(("baseline", "rises"), [(0.0, True), (9.0, False)])
def test_a_step_of_the_policy_follows_the_sign_of_the_advantage(baseline, rises):
    """Advantage: reward minus value; here the action "raise" of a manipulated block was sampled."""
    zero, target = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    actions = torch.zeros(1, 6, 1, 1, requires_grad=True)
    value = torch.full((1, 1, 1, 1), baseline, requires_grad=True)
    parts = {"uncertain": torch.ones(1, 1, 1, 1), "actions": actions, "value": value}
    chosen = torch.full((1, 1, 1, 1), judge.ACTIONS.index("raise"))
    truth = Truth(target, torch.ones_like(target))
    outcomes = judge.outcomes(zero, zero, zero, 2.0)
    terms = policy_terms(parts, outcomes, chosen, truth, Trial())
    reward = rewards(outcomes, target, truth.known, parts["uncertain"], Trial().local).gather(1, chosen)
    terms["policy"].backward()
    assert (actions.grad[0, 4] < 0).item() == rises and value.grad is None
    terms["value"].backward()
    torch.testing.assert_close(value.grad, value.detach() - reward)
    assert terms["exploration"].item() == pytest.approx(-0.01 * np.log(6))


def test_sampled_actions_have_the_probabilities_of_the_policy():
    logits = torch.log(torch.tensor([0.05, 0.1, 0.5, 0.15, 0.2, 1e-9])).view(1, 6, 1, 1).expand(1, 6, 60, 60)
    found = sampled(logits, np.random.default_rng(1))
    share = torch.bincount(found.flatten(), minlength=6) / 3600
    torch.testing.assert_close(share[:5], torch.tensor([0.05, 0.1, 0.5, 0.15, 0.2]), atol=0.03, rtol=0)


def test_the_edge_is_dilation_minus_erosion():
    mask = np.zeros((12, 12), np.float32)
    mask[3:9, 2:7] = 1
    expected = ndimage.grey_dilation(mask, (3, 3)) - ndimage.grey_erosion(mask, (3, 3))
    found = edge_of(torch.from_numpy(mask)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(found, expected)


def test_labels_of_coarser_levels_are_shares_of_the_labelled_positions():
    labels = torch.tensor([[1.0, 0, -1, -1], [1, 1, -1, -1]]).view(1, 1, 2, 4)
    at = Truth((labels > 0).float(), (labels >= 0).float()).at(1)
    assert at.target.flatten().tolist() == [0.75, 0] and at.known.flatten().tolist() == [1, 0]


def noise(rng, batch=4, side=64):
    """Pictures of noise with a smoother square in every second one."""
    images = torch.from_numpy(rng.uniform(0, 255, (batch, 3, side, side))).float()
    masks = torch.zeros(batch, 1, side // 4, side // 4)
    for each in range(0, batch, 2):
        top, left = rng.integers(2, 6, 2)
        masks[each, 0, top : top + 7, left : left + 7] = 1
    inside = torch.nn.functional.interpolate(masks, scale_factor=4.0)
    images = torch.where(inside > 0, torch.nn.functional.avg_pool2d(images, 3, 1, 1), images)
    kinds = 1 - torch.arange(batch) % 2
    return LocalizeBatch(images, masks, masks.clone(), masks, kinds.float(), kinds)


def system_of(name, folder, **changes):
    return build(ManipulatedSet.read(folder, "train"), replace(RECIPES[name], **changes))


@pytest.mark.parametrize(
    ("progress", "streams", "judged"), [(0.0, True, False), (0.7, False, True), (0.9, True, True)]
)
def test_each_stage_trains_its_part(manipulated_set, progress, streams, judged):
    system, rng = system_of("smoke", manipulated_set), np.random.default_rng(1)
    moved(system.network)
    system.begin(0, progress)
    (_, terms), *_ = system.losses(noise(rng), rng)
    torch.stack(list(terms.values())).sum().backward()
    for name, part in {"streams": streams, "debate": streams, "edge": streams, "judge": judged}.items():
        for parameter in getattr(system.network, name).parameters():
            assert (parameter.grad is not None) == part, name
    assert (next(system.trunk.parameters()).grad is not None) == streams
    assert (system.value.weight.grad is not None) == judged


def test_the_soft_iou_of_the_final_mask_reaches_the_streams_in_the_joint_stage_alone(manipulated_set):
    system, rng = system_of("smoke", manipulated_set), np.random.default_rng(1)
    batch = noise(rng)
    truth, outputs = Truth.of(batch), moved(system.network)(batch.images, system.maps(batch.images))
    action = sampled(outputs.parts["actions"], rng)
    for of, reaches in ((outputs, True), (frozen(outputs), False)):
        parts = of.parts | {"value": torch.zeros(4, 1, 4, 4)}
        term = judge_terms(parts, truth, 2.0, Trial(), action)["soft_iou"]
        parameter = system.network.streams.prosecution.heads[0].weight
        found = torch.autograd.grad(term, parameter, retain_graph=True, allow_unused=True)[0]
        assert (found is not None and bool(found.any())) == reaches


@pytest.mark.parametrize("name", ["no-suppression", "no-debate", "no-judge", "streams"])
def test_recipes_of_the_ablations_lack_their_part(name):
    config = RECIPES[name].network
    network = Courtroom(replace(config, widths=(8, 8, 8, 8)))
    parts = {
        "suppression": network.streams.suppressions,
        "debate": network.debate,
        "judge": network.judge,
    }
    lacking = {part for part, module in parts.items() if module is None}
    assert lacking == (set(parts) if name == "streams" else {name.removeprefix("no-")})
    outputs = network(*inputs())
    assert outputs.logits.shape == outputs.reliability.shape == (2, 1, 16, 16)


def test_sizes_of_the_released_network_and_of_the_papers():
    count = {
        config: sum(p.numel() for p in Courtroom(config).parameters()) for config in (RELEASED, Config())
    }
    assert count[RELEASED] < 0.35e6 and 0.8e6 < count[Config()] < 0.9e6


def test_the_log_of_a_seeded_training(manipulated_set, tmp_path):
    system = system_of("smoke", manipulated_set)
    system.batch = noise
    rows = train(system, Run(steps=20), tmp_path)
    found = {name: [row[name] for row in rows if name in row] for name in LOSSES}
    for name, expected in LOSSES.items():
        values = found[name][:: max(1, len(found[name]) // 4)][: len(expected)]
        assert values == pytest.approx(expected, rel=0.1, abs=0.01), name
    assert "policy" not in rows[10] and "prosecution" not in rows[13] and "policy" in rows[13]
    assert {"policy", "prosecution"} <= set(rows[19])
