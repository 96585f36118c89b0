import pytest
import torch
from torch.nn import functional

from sparseprune.errors import InputError
from sparseprune.prune import count, cycle
from sparseprune.prune.observe import gather
from sparseprune.prune.scores import lamp, random, snip, taylor
from sparseprune.prune.task import Task
from sparseprune.recipe import Prune


@pytest.fixture
def setting(residual):
    model = residual()
    graph = residual.trace(model)
    parameters = dict(model.named_parameters())
    now = count(parameters, graph)
    evidence = gather(graph, model.state_dict(), *residual.held_out)
    layers = frozenset({"stem", "conv1", "conv2"})
    task = Task(graph, layers, "params", 0.5, now, now, evidence=evidence, seed=3)
    return model, parameters, task


def gradients(model, inputs, labels):
    names = [f"{name}.weight" for name in ("stem", "conv1", "conv2")]
    loss = functional.cross_entropy(model(inputs), labels)
    found = torch.autograd.grad(loss, [model.get_parameter(name) for name in names])
    return {name.removesuffix(".weight"): part for name, part in zip(names, found, strict=True)}


def test_lamp_against_its_definition(setting):
    _, parameters, task = setting
    for name, scores in lamp(parameters, task).items():
        weight = parameters[f"{name}.weight"].detach().flatten().double()
        for index in range(0, len(weight), 7):
            square = weight[index] ** 2
            rest = (weight**2)[weight.abs() >= weight[index].abs()].sum()
            assert float(scores.flatten()[index]) == pytest.approx(float(square / rest), rel=1e-12)


def test_lamp_keeps_the_largest_weight_of_every_layer(residual):
    model = residual()
    with torch.no_grad():
        model.conv1.weight.mul_(1e-3)
    kept = cycle(model, residual.inputs, Prune(method="LAMP", ratios=[0.9]), 0.9).masks
    largest = model.conv1.weight.abs().flatten().argmax()
    assert bool(kept["conv1.weight"].flatten()[largest])
    by_magnitude = cycle(model, residual.inputs, Prune(method="WT", ratios=[0.9]), 0.9).masks
    assert not by_magnitude["conv1.weight"].any()


def test_gradients_of_one_batch(setting, residual):
    model, parameters, task = setting
    found = gradients(model, *residual.held_out)
    first, second = snip(parameters, task), taylor(parameters, task)
    for name, gradient in found.items():
        product = (gradient * model.get_parameter(f"{name}.weight")).detach().double()
        # One evaluation order or another in float32.
        torch.testing.assert_close(first[name], product.abs(), rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(second[name], product.square(), rtol=2e-4, atol=1e-9)


def test_of_several_classes_the_gradient_is_of_the_binary_cross_entropy(residual):
    model, (inputs, _) = residual(), residual.held_out
    graph, parameters = residual.trace(model), dict(model.named_parameters())
    now = count(parameters, graph)
    shown = torch.randint(0, 2, model(inputs).shape)
    shown[0] = -1  # not counted
    evidence = gather(graph, model.state_dict(), inputs, shown)
    layers = frozenset({"stem", "conv1", "conv2"})
    found = snip(parameters, Task(graph, layers, "params", 0.5, now, now, evidence=evidence))
    loss = functional.binary_cross_entropy_with_logits(model(inputs[1:]), shown[1:].float())
    (gradient,) = torch.autograd.grad(loss, [model.conv1.weight])
    product = (gradient * model.conv1.weight).detach().double()
    torch.testing.assert_close(found["conv1"], product.abs(), rtol=1e-4, atol=1e-7)
    evidence = gather(graph, model.state_dict(), inputs, shown + 1)
    task = Task(graph, layers, "params", 0.5, now, now, evidence=evidence)
    with pytest.raises(InputError, match="expected labels from 0 and below the 2 classes"):
        snip(parameters, task)


def test_taylor_squares_each_batch_and_snip_only_the_mean(setting, residual, monkeypatch):
    model, parameters, task = setting
    inputs, labels = residual.held_out
    monkeypatch.setattr("sparseprune.prune.observe._BATCH", 6)
    halves = [gradients(model, inputs[part], labels[part]) for part in (slice(0, 6), slice(6, 12))]
    first, second = snip(parameters, task), taylor(parameters, task)
    for name in first:
        weight = model.get_parameter(f"{name}.weight").detach().double()
        products = torch.stack([half[name].double() * weight for half in halves])
        torch.testing.assert_close(first[name], products.mean(0).abs(), rtol=1e-3, atol=1e-7)
        torch.testing.assert_close(second[name], products.square().mean(0), rtol=1e-3, atol=1e-9)


def test_gradients_leave_no_trace(setting):
    model, parameters, task = setting
    snip(parameters, task)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in task.graph.traced.parameters())


def test_random_scores_depend_on_the_seed_alone(setting):
    _, parameters, task = setting
    first, second = random(parameters, task), random(parameters, task)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert float(min(score.min() for score in first.values())) > 0
